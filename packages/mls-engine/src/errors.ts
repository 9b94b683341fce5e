import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/** The meaning of each code of an {@link MlsError}. The README's table is generated from this one. */
export const MLS_ERRORS = {
  malformed: "The bytes are not a message of MLS 1.0, or bytes follow its end",
  too_large: "A message or a list in it exceeds a limit",
  unsupported: "A version, cipher suite or kind of message that is not supported",
  wrong_group: "The message is of another group",
  epoch_mismatch: "The message is of an epoch that is not reached yet, or no longer retained (`messageEpoch`, `groupEpoch`)",
  fork: "A second commit of a past epoch, or an own commit that was discarded",
  decryption_failure: "The message was not sent by a member of its epoch, or was modified",
  own_message: "An own message was delivered; its key was erased after sending",
  generation_consumed: "The message was processed before, or its key was dropped to make room",
  generation_too_far: "More messages of the sender are missing than `maxForwardSteps`",
  invalid_commit: "A commit that violates the protocol",
  invalid_proposal: "A proposal that violates the protocol",
  invalid_welcome: "A Welcome that violates the protocol, or cannot be decrypted",
  invalid_key_package: "The bytes to add are not a key package, or not a valid one for this group",
  no_key_package: "A Welcome for another engine, or for a key package that was used",
  credential_refused: "`authenticate` rejected a credential",
  identity_taken: "The identity belongs to another member's signature key",
  unknown_psk: "A pre-shared key that `psk` doesn't know",
  proposals_waiting: "Pending proposals must be committed before anything is sent",
  commit_pending: "A commit is already staged",
  no_commit_pending: "The commit was confirmed, discarded or superseded",
  no_such_member: "The leaf is blank, or the own one",
  group_full: "The group would exceed `maxMembers`",
  group_exists: "The store already contains a group with this id",
  no_such_group: "The store contains no group with this id",
  removed: "This engine was removed from the group",
  update_required: "Keys of this epoch may have been used before: stage and confirm an update first",
  rolled_back: "The group has an own commit that is missing in the stored state: have this member removed, and join again",
  wrong_identity: "The store belongs to another identity, signature key or cipher suite",
  state_damaged: "The stored state is damaged",
  closed: "The group or the engine is closed",
  crypto_unavailable: "The cipher suite is unknown",
} as const;

/** The code of an {@link MlsError}. The README lists the meanings. */
export type MlsErrorCode = keyof typeof MLS_ERRORS;

/** A failed call of an engine or a group. `code` is stable; `message` is for people, and never contains a secret. */
export class MlsError extends ParleyError<MlsErrorCode> {
  override readonly name = "MlsError";
  /** Set for `epoch_mismatch` and `fork`: the epoch of the message. */
  readonly messageEpoch: bigint | undefined;
  /** Set for `epoch_mismatch` and `fork`: the current epoch of the group. */
  readonly groupEpoch: bigint | undefined;

  constructor(
    code: MlsErrorCode,
    message: string,
    options: ParleyErrorOptions & { readonly messageEpoch?: bigint; readonly groupEpoch?: bigint } = {},
  ) {
    super(code, message, options);
    this.messageEpoch = options.messageEpoch;
    this.groupEpoch = options.groupEpoch;
  }
}
