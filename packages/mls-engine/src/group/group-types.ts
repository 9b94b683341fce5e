import type { MlsChanges, MlsMember, MlsProposal } from "./members.ts";
import type { PaddingBuckets } from "../framing/padding.ts";
import type { Durability } from "../store/group-store.ts";

/** A row of the application's own, kept in the group's partition. Without a value it is removed. */
export interface GroupRow {
  /** 1 to 1000 bytes in UTF-8. */
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** How a step is written. */
export interface WriteOptions<Result> {
  /** Rows of the application's own, stored in the same atomic write: all or nothing. */
  readonly also?: readonly GroupRow[] | ((result: Result) => readonly GroupRow[]);
  /** Whether to wait until it is on disk. */
  readonly durability?: Durability;
}

export interface EncryptOptions extends WriteOptions<Uint8Array> {
  /** Travels in the clear beside the message, and can't be changed on the way. */
  readonly aad?: Uint8Array;
  /** Sizes that this message is padded to, instead of those of the engine. */
  readonly padding?: PaddingBuckets;
}

/** A message of a member. */
export interface ApplicationMessage {
  readonly kind: "application";
  readonly data: Uint8Array;
  /** The sender's leaf. Together with `epoch` and `generation` it names the message. */
  readonly sender: number;
  /** The sender as it was in the epoch of the message. */
  readonly senderMember: MlsMember;
  readonly senderIdentity: Uint8Array | undefined;
  readonly epoch: bigint;
  readonly generation: number;
  readonly aad: Uint8Array;
}

/** A commit is in effect: the group is in another epoch. */
export interface CommitMessage {
  readonly kind: "commit";
  /** The epoch that the group is in now. */
  readonly epoch: bigint;
  readonly changes: MlsChanges;
  /** Whether it is the commit that was staged here. */
  readonly isOwn: boolean;
  /** Whether we are no member any more. The group's keys are gone then. */
  readonly isRemoved: boolean;
}

/** A proposal waits for somebody's commit. */
export interface ProposalMessage {
  readonly kind: "proposal";
  readonly epoch: bigint;
  readonly proposal: MlsProposal;
}

export type ProcessedMessage = ApplicationMessage | CommitMessage | ProposalMessage;

/** What one commit shall do. Proposals that wait are in it too. */
export interface StageOptions {
  /** Key packages of new members, as they were published. */
  readonly add?: readonly Uint8Array[];
  /** Leaves of members to be removed. */
  readonly remove?: readonly number[];
  /** Whether to change one's own keys where that isn't required. A commit that would do nothing else does it anyway. */
  readonly update?: boolean;
  /** Ids of pre-shared keys to mix in, which all members must have. */
  readonly psks?: readonly Uint8Array[];
  /** Travels in the clear beside the commit. */
  readonly aad?: Uint8Array;
}

/**
 * A commit of one's own, stored and ready to be sent, and not in effect. It takes effect by {@link StagedCommit.confirm}, once the service
 * that orders the group's messages has taken it as the commit of its epoch; if another one was first, {@link StagedCommit.discard} it, or
 * just process the other.
 */
export interface StagedCommit {
  /** For all members. */
  readonly commit: Uint8Array;
  /** For all new members, when there are any; after the commit has been taken. */
  readonly welcome: Uint8Array | undefined;
  /** The epoch that it ends. */
  readonly epoch: bigint;
  /**
   * Puts it in effect, durably.
   *
   * @throws MlsError `no_commit_pending` when it was confirmed, discarded or overtaken before
   */
  confirm(options?: Pick<WriteOptions<CommitMessage>, "also">): Promise<CommitMessage>;
  /** Forgets it. Its message keys are never used again. Nothing happens when it isn't pending any more. */
  discard(): Promise<void>;
}
