import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/** What can be wrong with a message, a group or a call; see the table in the README. */
export type MlsErrorCode =
  | "malformed"
  | "too_large"
  | "unsupported"
  | "wrong_group"
  | "epoch_mismatch"
  | "fork"
  | "decryption_failure"
  | "own_message"
  | "generation_consumed"
  | "generation_too_far"
  | "invalid_commit"
  | "invalid_proposal"
  | "invalid_welcome"
  | "invalid_key_package"
  | "no_key_package"
  | "credential_refused"
  | "identity_taken"
  | "unknown_psk"
  | "proposals_waiting"
  | "commit_pending"
  | "no_commit_pending"
  | "no_such_member"
  | "group_full"
  | "group_exists"
  | "no_such_group"
  | "removed"
  | "update_required"
  | "rolled_back"
  | "wrong_identity"
  | "state_damaged"
  | "closed"
  | "crypto_unavailable";

/** What an {@link MlsError} tells besides its code. */
export interface MlsErrorOptions extends ParleyErrorOptions {
  /** The epoch that a message is of, where that is the trouble. */
  readonly messageEpoch?: bigint;
  /** The epoch that the group is in. */
  readonly groupEpoch?: bigint;
}

/** Whatever an engine or a group refuses, by {@link MlsErrorCode | code}. No secret is ever part of the message. */
export class MlsError extends ParleyError<MlsErrorCode> {
  override readonly name = "MlsError";
  /** With `epoch_mismatch` and `fork`: the epoch of the message. */
  readonly messageEpoch: bigint | undefined;
  /** With `epoch_mismatch` and `fork`: the epoch that the group is in. */
  readonly groupEpoch: bigint | undefined;

  constructor(code: MlsErrorCode, message: string, options: MlsErrorOptions = {}) {
    super(code, message, options);
    this.messageEpoch = options.messageEpoch;
    this.groupEpoch = options.groupEpoch;
  }
}
