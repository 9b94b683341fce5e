/** A message that the router stores in an inbox. */
export interface MessageToStore {
  /** DID of the recipient. */
  readonly recipient: string;
  /** DIDComm message id: unique for its sender. */
  readonly id: string;
  /** DID of the authenticated sender; absent on anonymous messages. */
  readonly from?: string | undefined;
  /** DIDComm message type. */
  readonly type: string;
  /** Thread (`thid`) that the message continues; absent when it starts one. */
  readonly thread?: string | undefined;
  /** Parent thread (`pthid`). */
  readonly parentThread?: string | undefined;
  /** The DIDComm plaintext: the JSON text that arrived, character for character. Well-formed Unicode. */
  readonly plaintext: string;
  /** Whether policy authorized the sender. */
  readonly authorized: boolean;
  /** JSON list of the sender's verified credentials. Absent without credentials. */
  readonly senderCredentials?: string | undefined;
  /** Expiry, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Set if its sender asks for receipts. */
  readonly asksForReceipts?: true | undefined;
  /**
   * The message's own `expires_time`. With another value, the same message is a retry and not a duplicate: the first copy may expire before
   * the recipient reconnects. Not stored.
   */
  readonly expires?: number | undefined;
  /** Whether another node has sent it. Another node may retry much later than an agent. Not stored. Default `false`. */
  readonly remote?: boolean;
  /** When this process received it, in whole milliseconds of `performance.now()`. Not stored: absent after a restart. For measurements only. */
  readonly receivedAt?: number | undefined;
  /** Called when it is appended, in the turn of the event loop in which its writes are queued: other writes are part of the same commit. Not stored. */
  readonly onAppend?: (() => void) | undefined;
}

/** The members of a stored message without its plaintext. */
export type MessageHeader = Omit<MessageToStore, "recipient" | "plaintext" | "expires" | "remote" | "receivedAt" | "onAppend">;

/** The fields that identify a message across retries. */
export type MessageIdentity = Pick<MessageToStore, "recipient" | "from" | "id" | "expires">;

/** A message in an inbox. */
export interface InboxMessage extends MessageToStore {
  /** Sequence number in the inbox: ascending from 1, never reused, with gaps. */
  readonly seq: number;
  /** Recorded deliveries without an acknowledgement. */
  readonly attempts: number;
}

/** Result of an append. */
export type Appended =
  /** Appended. Stored once `durable` resolves. If that rejects with a StorageError, the message may have been stored: append it again. */
  | { readonly status: "stored"; readonly durable: Promise<void> }
  /** The same (recipient, sender, id) was stored recently. Nothing to do. Inboxes that several nodes share may return `stored` instead. */
  | { readonly status: "duplicate" }
  /** A limit on messages or characters of the recipient, or of all DIDs of its owner, is reached. */
  | { readonly status: "full"; readonly of: "recipient" | "owner" };

/** Range of messages to read. */
export interface ReadOptions {
  /** Reads messages with a greater seq. `0` reads from the start. */
  readonly after: number;
  /** Maximum number of messages. */
  readonly limit: number;
  /** Maximum total characters of plaintext; at least one message is read. */
  readonly maxLength: number;
}

/** Usage of an inbox. */
export interface Depth {
  readonly messages: number;
  /** Characters of all plaintexts. */
  readonly length: number;
}

/** A message that can't be read because its record is damaged. It has left the inbox. */
export interface DamagedMessage {
  readonly recipient: string;
  readonly seq: number;
  /** Absent if it is damaged too. */
  readonly header: MessageHeader | undefined;
}

/** Limits of an inbox. */
export interface InboxLimits {
  /** Messages that one recipient's inbox holds. Default 10,000. */
  readonly maxMessages: number;
  /** Characters of plaintext that one recipient's inbox holds. Default 64 Mi. */
  readonly maxLength: number;
  /** Messages in the inboxes of all DIDs of one owner. Default: no limit. */
  readonly maxMessagesPerOwner: number;
  /** Characters of plaintext in the inboxes of all DIDs of one owner. Default: no limit. */
  readonly maxLengthPerOwner: number;
  /** How long (recipient, sender, id) is remembered after a message is stored, in milliseconds. Default 10 minutes. */
  readonly deduplicationMs: number;
  /** The same for messages of other nodes, which retry for as long as this node is unreachable. Default 24 hours. */
  readonly remoteDeduplicationMs: number;
  /**
   * Minimum number of stored messages remembered, whatever their age, counted separately for messages of other nodes. Beyond it, the oldest
   * may be dropped early. Default 2 Mi, about 100 MB if they all arrive within {@link deduplicationMs}.
   */
  readonly maxRemembered: number;
}

/** Expired messages of a box that is not open. */
export interface ExpiredMessages {
  readonly box: Box;
  /** At least one, oldest first. */
  readonly messages: readonly InboxMessage[];
}

/** Receives what happens to an open {@link Box}. */
export interface BoxListener {
  /**
   * A message was appended; called in seq order. It is delivered before it is durable: if `durable` rejects, the message has left the box.
   */
  onMessage(message: InboxMessage, durable: Promise<void>): void;
  /** Messages have expired. Called by {@link Inbox.expired}, again a second later, until they are settled. */
  onExpired(): void;
  /** The box was opened again, here or on another node. The new listener receives the messages. */
  onLost(): void;
}

/**
 * One recipient's messages. Writes resolve when they are durable (fsynced, or replicated). Concurrent writes share a flush. A write that
 * rejects with `StorageError` `storage_failed` may have been stored; repeating it is safe. Every call after the inbox was closed rejects so.
 *
 * Writes also work after the box was lost: a settled message stays settled.
 */
export interface Box {
  readonly recipient: string;
  /**
   * Reads messages, oldest first. Sees every message appended before the call, and every settle and attempt. Waits for pending appends.
   * Expired messages are read too.
   */
  read(options: ReadOptions): Promise<readonly InboxMessage[]>;
  /** Removes messages permanently. Unknown seqs are ignored. */
  settle(seqs: readonly number[]): Promise<void>;
  /** Records that a message was delivered `attempts` times without success. An unknown seq is ignored. */
  recordAttempts(seq: number, attempts: number): Promise<void>;
  /** Usage, pending appends included. */
  depth(): Depth;
  /** Removes all messages appended before the call. They stay remembered as stored. */
  drop(): Promise<void>;
  /** Ends calls of the listener. Idempotent. */
  close(): Promise<void>;
}

/**
 * The durable inboxes of a node's agents, one per DID. Every implementation passes `test/inbox/inbox-compliance.ts`.
 *
 * An append resolves as soon as the message has its place, with a promise of its durability. Concurrent writes share a flush. Appends for
 * one recipient resolve and become durable in call order, with ascending seqs. The results `duplicate` and `full` may be returned earlier.
 * Every call after `close` rejects with `StorageError` `storage_failed`.
 */
export interface Inbox {
  /**
   * Stores a message. Storing the same (recipient, sender, id, expires) again is a no-op while it is remembered, settled or not. A
   * duplicate of a pending append resolves and rejects with it.
   */
  append(message: MessageToStore): Promise<Appended>;
  /**
   * Whether a message of another node is remembered as stored, settled or not. Waits for a pending append. For senders that lost the
   * response: the message was accepted, whatever its checks would be now.
   */
  remembers(message: MessageIdentity): Promise<boolean>;
  /**
   * Opens a recipient's box for delivery. The last one to open it has it: the listener before is called `onLost`. Messages appended before
   * the call are read; the listener receives the later ones, possibly before `open` resolves.
   */
  open(recipient: string, listener: BoxListener): Promise<Box>;
  /** A recipient's box, from which an operator reads or removes messages. The server that has opened it keeps it. */
  peek(recipient: string): Promise<Box>;
  /**
   * Finds expired messages: yields those of boxes that are not open and that this node looks after, and calls `onExpired` for open boxes.
   * Messages are yielded again a second later, until they are settled. Yields to the event loop in between.
   *
   * @param now milliseconds since 1970.
   */
  expired(now: number): AsyncIterable<ExpiredMessages>;
  /** Usage of a recipient's box, open or not. */
  depth(recipient: string): Promise<Depth>;
  /**
   * Usage of a recipient's box as known without reading it. Exact once the box has been used; before, after a crash, changes of the last
   * minute may be missing.
   */
  usage(recipient: string): Depth;
  /** Usage of all DIDs of a recipient's owner, known as {@link usage} is. */
  ownerUsage(recipient: string): Depth;
  /** Usage of all boxes that this node looks after, pending appends included, known as {@link usage} is. */
  totals(): Depth;
  /** Sets the listener for messages found damaged. */
  onDamaged(listener: (message: DamagedMessage) => void): void;
  /** Flushes pending writes and closes the inbox. Idempotent. */
  close(): Promise<void>;
}
