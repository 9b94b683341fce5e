import { ParleyError } from "@parley/core";

/**
 * Why the node's wallet rejects a request. An invalid credential is a `VcError`.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `busy` | the limit of concurrent verifications, or of remembered nonces, is reached | yes |
 * | `timeout` | the verification took too long, for example because another host did not respond | yes |
 * | `credential_unknown` | unknown credential, or one of another holder | no |
 * | `wallet_full` | the holder has the maximum number of credentials | no |
 * | `too_large` | the credential has too many bytes | no |
 * | `id_missing` | the `id` of the credential to sign is not a string | no |
 * | `issuer_missing` | the `issuer` of the credential to sign is neither a string nor an object with a string as its `id` | no |
 * | `issuer_mismatch` | the credential names another issuer than the request | no |
 * | `valid_until_mismatch` | `valid_until` of the request differs from the credential's | no |
 * | `key_not_held` | the node does not have the key of this DID: a did:key, or a DID whose agent holds its keys itself | no |
 * | `status_unknown` | the issuer has no credential with this status in the status lists of the node | no |
 * | `status_final` | the credential is revoked, which cannot be undone | no |
 * | `status_lists_full` | the issuer's status lists have no entry left | no |
 * | `nonce_replayed` | this holder has used this nonce with this verifier before | no |
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
  | "status_unknown"
  | "status_final"
  | "status_lists_full"
  | "nonce_replayed"
  | "presentation_not_recent";

/** A rejection by a node's wallet; `retryable` follows from the code. */
export class CredentialError extends ParleyError<CredentialErrorCode> {
  override readonly name: string = "CredentialError";

  constructor(code: CredentialErrorCode, message: string) {
    super(code, message, { retryable: code === "busy" || code === "timeout" });
  }
}
