import type { DidResolver } from "@parley/did";
import type { StatusListFetch, VerifiedCredential, VerifiedPresentation, VerifyPresentationOptions } from "@parley/vc";
import type { ResolutionOptions } from "./resolution.ts";

/** Options of `verifyLocally`. */
export interface VerifyLocallyOptions extends Omit<VerifyPresentationOptions, "resolver" | "status"> {
  /** Resolves DIDs. Default: did:key and did:web, from public addresses only, with a cache that all calls share. */
  readonly resolver?: DidResolver;
  /** Fetches status lists. Default: over https, from public addresses only. `"ignore"` skips the check for revocation. */
  readonly status?: StatusListFetch | "ignore";
  /** Options of the default `resolver` and `status`, mainly for development. If set, DID documents are not cached between calls. */
  readonly resolution?: ResolutionOptions;
}

/** Result of `verifyLocally`. */
export type LocalVerification =
  | ({ readonly kind: "credential" } & VerifiedCredential)
  | ({ readonly kind: "presentation" } & VerifiedPresentation);
