import { ParleyError } from "@parley/core";

/**
 * Why a node refuses a DID.
 *
 * | code | meaning |
 * | --- | --- |
 * | `did_invalid` | not a DID |
 * | `did_unknown` | the DID was required to exist, and doesn't |
 * | `did_not_allowed` | the API key may not bind the DID |
 * | `ephemeral_not_allowed` | the API key may not have ephemeral DIDs |
 * | `did_in_use` | the DID can't become ephemeral while messages or credentials of it are waiting |
 * | `too_many_dids` | the API key has as many DIDs as it may |
 */
export type IdentityErrorCode =
  | "did_invalid"
  | "did_unknown"
  | "did_not_allowed"
  | "ephemeral_not_allowed"
  | "did_in_use"
  | "too_many_dids";

/** A refusal by a node's registry of DIDs. Never retryable as it is. */
export class IdentityError extends ParleyError<IdentityErrorCode> {
  override readonly name: string = "IdentityError";
}
