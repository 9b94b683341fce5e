import { ParleyError } from "@parley/core";

/**
 * Why the node's wallet refuses a request. What is wrong with a credential itself is a `VcError`.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `busy` | as much is being verified, or remembered, as may be | yes |
 * | `timeout` | the verification took too long; what it needs from other hosts did not come | yes |
 * | `credential_unknown` | there is no such credential, or it is somebody else's | no |
 * | `wallet_full` | the holder has as many credentials as it may | no |
 * | `too_large` | the credential has too many bytes | no |
 * | `id_missing` | the `id` of the credential to sign is no string | no |
 * | `issuer_missing` | the `issuer` of the credential to sign is neither a string nor an object with a string as its `id` | no |
 * | `issuer_mismatch` | the credential names another issuer than the request | no |
 * | `valid_until_mismatch` | the credential ends at another time than the request says | no |
 * | `key_not_held` | the key of this DID is not the node's: a did:key is its own key | no |
 * | `nonce_replayed` | this holder has shown this nonce to this verifier before | no |
 * | `presentation_not_recent` | the presentation was signed too long ago for its nonce to be remembered, or in the future | no |
 */
export type CredentialErrorCode =
  | "busy"
  | "timeout"
  | "credential_unknown"
  | "wallet_full"
  | "too_large"
  | "id_missing"
  | "issuer_missing"
  | "issuer_mismatch"
  | "valid_until_mismatch"
  | "key_not_held"
  | "nonce_replayed"
  | "presentation_not_recent";

/** A refusal by a node's wallet; `retryable` follows from the code. */
export class CredentialError extends ParleyError<CredentialErrorCode> {
  override readonly name: string = "CredentialError";

  constructor(code: CredentialErrorCode, message: string) {
    super(code, message, { retryable: code === "busy" || code === "timeout" });
  }
}
