import type { MessageHeader } from "./message-record.ts";
import type { MessageIdentity } from "./recent-messages.ts";

/** A message that the router stores in an inbox. */
export interface IncomingMessage {
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
  /**
   * The message's own `expires_time`. With another value, the same message is a retry and not a duplicate: the first copy may expire before
   * the recipient reconnects. Not stored.
   */
  readonly expires?: number | undefined;
  /** Whether another node has sent it. Another node may retry much later than an agent. Not stored. Default `false`. */
  readonly remote?: boolean;
}

/** A message in an inbox. */
export interface InboxMessage extends IncomingMessage {
  /** Sequence number in the inbox: ascending from 1, never reused, with gaps. */
  readonly seq: number;
  /** Recorded deliveries without an acknowledgement. */
  readonly attempts: number;
}

/** Result of an append. */
export type Appended =
  /** Appended. Stored once `durable` resolves; if that rejects with a StorageError, the message is not stored. */
  | { readonly status: "stored"; readonly message: InboxMessage; readonly durable: Promise<void> }
  /** The same (recipient, sender, id) was stored recently. Nothing to do. */
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

/**
 * The durable inboxes of a node's agents, one per DID. Every implementation passes `test/inbox/inbox-compliance.ts`.
 *
 * Writes resolve when they are durable (fsynced, or replicated), and settled messages don't return. Only an append resolves as soon as the
 * message has its sequence number, with a promise of its durability. Concurrent writes share a flush. Appends for one recipient resolve and
 * become durable in call order, with ascending seqs. The results `duplicate` and `full` may be returned earlier.
 *
 * A write that rejects with `StorageError` `storage_failed` has changed nothing. Every call after `close` rejects so.
 */
export interface Inbox {
  /**
   * Stores a message. Storing the same (recipient, sender, id, expires) again is a no-op while it is remembered, settled or not. A
   * duplicate of a pending append resolves and rejects with it.
   */
  append(message: IncomingMessage): Promise<Appended>;
  /**
   * Whether a message of another node is remembered as stored, settled or not. Waits for a pending append. For senders that lost the
   * response: the message was accepted, whatever its checks would be now.
   */
  remembers(message: MessageIdentity): Promise<boolean>;
  /** Reads a recipient's messages, oldest first. Sees every message that is durable, and every resolved settle and attempt. Expired messages are read too. */
  read(recipient: string, options: ReadOptions): Promise<readonly InboxMessage[]>;
  /** Removes messages permanently. Unknown seqs are ignored. */
  settle(recipient: string, seqs: readonly number[]): Promise<void>;
  /** Records that a message was delivered `attempts` times without success. An unknown seq is ignored. */
  recordAttempts(recipient: string, seq: number, attempts: number): Promise<void>;
  /** Usage of an inbox. */
  depth(recipient: string): Depth;
  /**
   * Number of messages in a recipient's inbox, without reading it. Exact once the inbox has been used; before, up to a minute old at the
   * last shutdown.
   */
  known(recipient: string): number;
  /**
   * Usage of all DIDs of a recipient's owner. After a crash, changes of the last minute may be missing for a DID until its inbox is used.
   */
  ownerDepth(recipient: string): Depth;
  /** Number of messages of all recipients, pending appends included. After a crash, changes of the last minute may be missing. */
  readonly size: number;
  /** Recipients with messages, in any order. After a start, some may have none. */
  recipients(): readonly string[];
  /**
   * Yields recipients with expired messages. Each is yielded again a second later, until these are settled. Yields to the event loop in
   * between.
   *
   * @param now milliseconds since 1970.
   */
  expired(now: number): AsyncIterable<string>;
  /** Sets the listener for messages found damaged. */
  onDamaged(listener: (message: DamagedMessage) => void): void;
  /** Removes all messages of a recipient appended before the call. They stay remembered as stored. */
  drop(recipient: string): Promise<void>;
  /** Flushes pending writes and closes the inbox. Idempotent. */
  close(): Promise<void>;
}
