import type { JsonObject } from "@parley/core";
import type { CredentialState } from "layr8";

/** What `parley credentials sign` prints. */
export interface SignedOutput {
  /** The signed credential. */
  readonly signed: string;
}

/** What `parley credentials status` prints. */
export interface StatusOutput {
  readonly status: CredentialState;
}

/** What `parley credentials verify` prints about a valid credential. */
export interface VerifiedOutput {
  readonly credential: JsonObject;
  /** Protected header of the signature; for the format json, the proof without its value. */
  readonly headers: JsonObject;
}

/** A credential in a wallet, as `parley credentials store` and `show` print it. */
export interface StoredOutput {
  readonly id: string;
  readonly holder: string;
  readonly issuer?: string | undefined;
  /** RFC 3339. */
  readonly validUntil?: string | undefined;
  readonly signed: string;
}

/** What `parley credentials list` prints. */
export interface WalletOutput {
  readonly credentials: readonly StoredOutput[];
}
