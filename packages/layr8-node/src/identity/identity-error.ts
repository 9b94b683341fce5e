import { ParleyError } from "@parley/core";

/**
 * Why a node rejects a DID.
 *
 * | code | meaning |
 * | --- | --- |
 * | `did_invalid` | not a DID |
 * | `did_unknown` | the DID was required to exist, and does not |
 * | `did_not_allowed` | the API key may not bind the DID |
 * | `ephemeral_not_allowed` | the API key may not create ephemeral DIDs |
 * | `did_in_use` | the DID cannot become ephemeral: messages or credentials of it are waiting |
 * | `too_many_dids` | the API key has the maximum number of DIDs |
 */
export type IdentityErrorCode =
  | "did_invalid"
  | "did_unknown"
  | "did_not_allowed"
  | "ephemeral_not_allowed"
  | "did_in_use"
  | "too_many_dids";

/** A rejection by a node's registry of DIDs. Never retryable. */
export class IdentityError extends ParleyError<IdentityErrorCode> {
  override readonly name: string = "IdentityError";
}
