import type { ResolutionOptions } from "@parley/credentials-client";
import type { Receipt } from "@parley/didcomm-agent";
import type { DidResolver } from "@parley/did";

/** Options of `verifyReceipt`. */
export interface VerifyReceiptOptions {
  /** Resolves the signer's DID. Default: did:key, and did:web over the network, by `resolution`. */
  readonly resolver?: DidResolver;
  /** How hosts are reached. Default: public addresses only. */
  readonly resolution?: ResolutionOptions;
  /** Aborts the resolution. */
  readonly signal?: AbortSignal;
}

/** A receipt that was verified, and the agent that it was made for. */
export interface VerifiedReceipt extends Receipt {
  /** The sender of the message. */
  readonly to: string;
}
