import type { MlsChanges, MlsMember, MlsProposal } from "./members.ts";
import type { Durability } from "../store/group-store.ts";

/** A row of the application, stored in the group's partition. `undefined` as value removes the row. */
export interface GroupRow {
  /** 1 to 1000 bytes in UTF-8. */
  readonly key: string;
  readonly value: Uint8Array | undefined;
  /**
   * Whether the value is not secret, so that it need not be erased from the disk when it is replaced: commits are then faster with many such rows.
   * Default `false`.
   */
  readonly isPublic?: boolean;
}

/** How the result of a call is stored. */
export interface WriteOptions<Result> {
  /**
   * Rows of the application that are stored in the same atomic write as the step, such as the decrypted text or a cursor. After a crash, either
   * the step and these rows are stored or neither is.
   */
  readonly commitWith?: readonly GroupRow[] | ((result: Result) => readonly GroupRow[]);
  /** `"durable"`: resolve when the step is on disk. Default `"soon"`. */
  readonly durability?: Durability;
}

export interface EncryptOptions extends WriteOptions<Uint8Array> {
  /** Additional data, sent in the clear and authenticated. */
  readonly aad?: Uint8Array;
  /** Padding sizes for this message, instead of those of the engine. */
  readonly padding?: readonly number[];
}

/** A decrypted message of a member. */
export interface ApplicationMessage {
  readonly kind: "application";
  readonly data: Uint8Array;
  /** The sender's leaf. It identifies the message together with `epoch` and `generation`. */
  readonly sender: number;
  /** The sender as it was in the epoch of the message. */
  readonly senderMember: MlsMember;
  readonly senderIdentity: Uint8Array | undefined;
  readonly epoch: bigint;
  readonly generation: number;
  readonly aad: Uint8Array;
}

/** A commit that is in effect: the group is in its next epoch. */
export interface CommitMessage {
  readonly kind: "commit";
  /** The new epoch of the group. */
  readonly epoch: bigint;
  readonly changes: MlsChanges;
  /** Whether this member staged the commit. */
  readonly isOwn: boolean;
  /** Whether the commit removes this member. Then the group's keys have been erased. */
  readonly isRemoved: boolean;
}

/** A proposal that is pending until a member commits it. */
export interface ProposalMessage {
  readonly kind: "proposal";
  readonly epoch: bigint;
  readonly proposal: MlsProposal;
}

export type ProcessedMessage = ApplicationMessage | CommitMessage | ProposalMessage;

/** The changes of a commit. Pending proposals are included in any case. */
export interface StageOptions {
  /** Key packages of new members, as they were published. */
  readonly add?: readonly Uint8Array[];
  /** Leaves of the members to remove. */
  readonly remove?: readonly number[];
  /** Whether to replace the own keys although no other change requires it. A commit without any other change always does. */
  readonly update?: boolean;
  /** Ids of pre-shared keys to use. Every member must know them. */
  readonly psks?: readonly Uint8Array[];
  /** Additional data of the commit, sent in the clear and authenticated. */
  readonly aad?: Uint8Array;
}

/**
 * An own commit that is stored and ready to be sent, but not in effect.
 *
 * Call {@link StagedCommit.confirm} when the service that orders the group's messages has accepted it as the commit of its epoch. If another
 * commit was first, call {@link StagedCommit.discard}, or process the other one.
 */
export interface StagedCommit {
  /** The message for all members. */
  readonly commit: Uint8Array;
  /** The message for all new members, if there are any. Send it after the commit was accepted. */
  readonly welcome: Uint8Array | undefined;
  /** The epoch that the commit ends. */
  readonly epoch: bigint;
  /**
   * Puts the commit into effect. It is on disk when the promise resolves.
   *
   * @throws MlsEngineError `no_commit_pending` if it was confirmed or discarded, or another commit was processed
   */
  confirm(options?: Pick<WriteOptions<CommitMessage>, "commitWith">): Promise<CommitMessage>;
  /** Erases the commit. Does nothing if it is not pending. */
  discard(): Promise<void>;
}
