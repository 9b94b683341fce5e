import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * The code of an {@link MlsEngineError}.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `malformed` | the bytes are not a message of MLS 1.0, or bytes follow its end | no |
 * | `too_large` | a message or a list in it exceeds a limit | no |
 * | `unsupported` | a version, cipher suite or kind of message that is not supported | no |
 * | `wrong_group` | the message is of another group | no |
 * | `epoch_mismatch` | the message is of an epoch that is not reached yet, or no longer retained (`messageEpoch`, `groupEpoch`) | if not reached yet |
 * | `fork` | a second commit of a past epoch, or an own commit that was discarded | no |
 * | `decryption_failure` | the message was not sent by a member of its epoch, or was modified | no |
 * | `own_message` | an own message was delivered; its key was erased after sending | no |
 * | `generation_consumed` | the message was processed before, or its key was dropped to make room | no |
 * | `generation_too_far` | more messages of the sender are missing than `maxForwardSteps` | no |
 * | `invalid_commit` | a commit that violates the protocol | no |
 * | `invalid_proposal` | a proposal that violates the protocol | no |
 * | `invalid_welcome` | a Welcome that violates the protocol, or cannot be decrypted | no |
 * | `invalid_key_package` | the bytes to add are not a key package, or not a valid one for this group | no |
 * | `no_key_package` | a Welcome for another engine, or for a key package that was used | no |
 * | `credential_refused` | `authenticate` rejected a credential | no |
 * | `identity_taken` | the identity belongs to another member's signature key | no |
 * | `unknown_psk` | a pre-shared key that `psk` doesn't know | no |
 * | `proposals_waiting` | pending proposals must be committed before anything is sent | no |
 * | `commit_pending` | a commit is already staged | no |
 * | `no_commit_pending` | the commit was confirmed, discarded or superseded | no |
 * | `no_such_member` | the leaf is blank, or the own one | no |
 * | `group_full` | the group would exceed `maxMembers` | no |
 * | `group_exists` | the store already contains a group with this id | no |
 * | `no_such_group` | the store contains no group with this id | no |
 * | `removed` | this engine was removed from the group | no |
 * | `update_required` | keys of this epoch may have been used before: stage and confirm an update first | no |
 * | `rolled_back` | the group has an own commit that is missing in the stored state: have this member removed, and join again | no |
 * | `wrong_identity` | the store belongs to another identity, signature key or cipher suite | no |
 * | `state_damaged` | the stored state is damaged | no |
 * | `closed` | the group or the engine is closed | no |
 * | `crypto_unavailable` | the cipher suite is unknown | no |
 */
export type MlsEngineErrorCode =
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

/** A failed call of an engine or a group. `code` is stable; `message` is for people, and never contains a secret. */
export class MlsEngineError extends ParleyError<MlsEngineErrorCode> {
  override readonly name = "MlsEngineError";
  /** Set for `epoch_mismatch` and `fork`: the epoch of the message. */
  readonly messageEpoch: bigint | undefined;
  /** Set for `epoch_mismatch` and `fork`: the current epoch of the group. */
  readonly groupEpoch: bigint | undefined;

  constructor(
    code: MlsEngineErrorCode,
    message: string,
    options: ParleyErrorOptions & { readonly messageEpoch?: bigint; readonly groupEpoch?: bigint } = {},
  ) {
    super(code, message, options);
    this.messageEpoch = options.messageEpoch;
    this.groupEpoch = options.groupEpoch;
  }
}
