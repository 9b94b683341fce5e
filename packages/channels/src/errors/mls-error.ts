import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Failures of the encryption.
 *
 * | code | meaning |
 * | --- | --- |
 * | `invalid_welcome` | the welcome is damaged, was used before, or is for another channel or agent |
 * | `invalid_key_package` | the key package is malformed or expired |
 * | `decryption_failure` | a message is not from a member, was modified, or is a duplicate |
 * | `epoch_mismatch` | a message is for an epoch whose keys are deleted, or for a later epoch |
 * | `mls_error` | another failure; see `cause` |
 */
export type MlsErrorCode = "mls_error" | "decryption_failure" | "invalid_welcome" | "invalid_key_package" | "epoch_mismatch";

/** A message, welcome or key package is unusable. Not retryable. */
export class MlsError extends ParleyError<MlsErrorCode> {
  override readonly name: string = "MlsError";

  constructor(code: MlsErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, `MLS engine error: ${message}`, options);
  }
}
