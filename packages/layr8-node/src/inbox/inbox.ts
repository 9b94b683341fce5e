import type { MessageHeader } from "./message-record.ts";
import type { MessageIdentity } from "./recent-messages.ts";

/** A message as the router hands it to the inbox. */
export interface IncomingMessage {
  /** DID of the agent whose inbox takes it. */
  readonly recipient: string;
  /** DIDComm message id: unique for its sender. */
  readonly id: string;
  /** DID of the sender as the node knows it; absent on anonymous messages. */
  readonly from?: string | undefined;
  /** DIDComm message type. */
  readonly type: string;
  /** Thread (`thid`) that the message answers on; absent when it starts one. */
  readonly thread?: string | undefined;
  /** Parent thread (`pthid`). */
  readonly parentThread?: string | undefined;
  /** The DIDComm plaintext: the JSON text that arrived, character for character. Well-formed Unicode. */
  readonly plaintext: string;
  /** Whether policy authorized the sender. */
  readonly authorized: boolean;
  /** JSON of the credentials that the sender presented and the node verified: a list. Absent when there are none. */
  readonly senderCredentials?: string | undefined;
  /** When the message is void, in milliseconds since 1970. */
  readonly expiresAt: number;
  /**
   * The message's own `expires_time`. The same message with another one is a retry and no duplicate: the first copy may expire before the
   * recipient is back. Not kept with the message.
   */
  readonly expires?: number | undefined;
  /** Whether another node has sent it, which may send it again much later than an agent would. Not kept with the message. Default `false`. */
  readonly remote?: boolean;
}

/** A message in an inbox. */
export interface InboxMessage extends IncomingMessage {
  /** Place in the recipient's inbox: ascending, never used twice, not gapless. From 1. */
  readonly seq: number;
  /** Deliveries that ended without an acknowledgement, as far as they were recorded. */
  readonly attempts: number;
}

/** What became of an append. */
export type Appended =
  /** It has its place. It is safe once `durable` resolves; if that rejects with a StorageError, it has not been stored. */
  | { readonly status: "stored"; readonly message: InboxMessage; readonly durable: Promise<void> }
  /** The same (recipient, sender, id) was stored before, lately: nothing to do, the first copy counts. */
  | { readonly status: "duplicate" }
  /** The recipient's inbox, or those of all DIDs of its owner together, hold as many messages or characters as they may. */
  | { readonly status: "full"; readonly of: "recipient" | "owner" };

/** Where to read an inbox. */
export interface ReadOptions {
  /** Reads messages with a greater seq. `0` reads from the start. */
  readonly after: number;
  /** At most so many messages. */
  readonly limit: number;
  /** Stops once the plaintexts read exceed so many characters; at least one message is read. */
  readonly maxLength: number;
}

/** How full a recipient's inbox is. */
export interface Depth {
  readonly messages: number;
  /** Characters of all plaintexts. */
  readonly length: number;
}

/** A message that can't be read any more, because its record is damaged. It has left the inbox. */
export interface DamagedMessage {
  readonly recipient: string;
  readonly seq: number;
  /** Absent where it is damaged, too. */
  readonly header: MessageHeader | undefined;
}

/** Caps of an inbox. */
export interface InboxLimits {
  /** Messages that one recipient's inbox holds. Default 10,000. */
  readonly maxMessages: number;
  /** Characters of plaintext that one recipient's inbox holds. Default 64 Mi. */
  readonly maxLength: number;
  /** Messages in the inboxes of all DIDs of one owner. Default: no cap. */
  readonly maxMessagesPerOwner: number;
  /** Characters of plaintext in the inboxes of all DIDs of one owner. Default: no cap. */
  readonly maxLengthPerOwner: number;
  /** How long (recipient, sender, id) is remembered after a message is stored, in milliseconds. Default 10 minutes. */
  readonly deduplicationMs: number;
  /** The same for messages that other nodes have sent: they try again for as long as this node can't be reached. Default 24 hours. */
  readonly remoteDeduplicationMs: number;
  /**
   * How many stored messages are remembered at least, whatever their age, those of other nodes for themselves; beyond, the oldest may be
   * forgotten before their time. Default 2 Mi, which take some 100 MB when they all come within {@link deduplicationMs}.
   */
  readonly maxRemembered: number;
}

/**
 * The durable inboxes of a node's agents, one per DID. Every implementation passes `test/inbox/inbox-compliance.ts`.
 *
 * Writes resolve when they are durable (fsynced, or replicated), and what has been settled does not come back; only an append
 * resolves as soon as the message has its place, with a promise of its durability. Concurrent writes share a flush. Messages that are
 * stored for one recipient have their appends resolved, and become durable, in the order of the calls, and their seqs ascend in that
 * order. Refusals (`duplicate`, `full`) may overtake them.
 *
 * A write that rejects with `StorageError` `storage_failed` has changed nothing. The same goes for every call after `close`.
 */
export interface Inbox {
  /**
   * Stores a message for its recipient. Storing the same (recipient, sender, id, expires) again is a no-op while it is remembered, settled or
   * not. A duplicate of an append that is under way resolves with it, and rejects with it.
   */
  append(message: IncomingMessage): Promise<Appended>;
  /**
   * Whether a message of another node is remembered as stored, settled or not. One that is being stored is waited for. For senders that
   * lost the answer: what would be refused by now was taken then.
   */
  remembers(message: MessageIdentity): Promise<boolean>;
  /** Reads a recipient's messages, oldest first. Sees every message that is durable, and every resolved settle and attempt. Expired messages are read too. */
  read(recipient: string, options: ReadOptions): Promise<readonly InboxMessage[]>;
  /** Removes messages for good. Unknown seqs are ignored. */
  settle(recipient: string, seqs: readonly number[]): Promise<void>;
  /** Records that a message was delivered `attempts` times without success. An unknown seq is ignored. */
  recordAttempts(recipient: string, seq: number, attempts: number): Promise<void>;
  /** How full a recipient's inbox is, pending appends included. */
  depth(recipient: string): Depth;
  /** How many messages a recipient's inbox holds, without reading it: exact once the inbox has been used, else as of a minute before the last end. */
  known(recipient: string): number;
  /**
   * How full the inboxes of all DIDs of a recipient's owner are together. After a crash, changes of the last minute may be missing for a DID, until
   * its inbox is used.
   */
  ownerDepth(recipient: string): Depth;
  /** Number of messages of all recipients, as far as they are durable. */
  readonly size: number;
  /** Mailboxes that have messages, in no order. After a start, some whose messages are gone may be among them. */
  recipients(): readonly string[];
  /**
   * Mailboxes with messages that have expired. Each is listed again a second later, until those messages are settled. Lets the event loop
   * run in between.
   *
   * @param now milliseconds since 1970.
   */
  expired(now: number): AsyncIterable<string>;
  /** Sets the listener for messages that turn out to be damaged when they are read. */
  onDamaged(listener: (message: DamagedMessage) => void): void;
  /** Removes a recipient's messages, all that were appended before the call. They stay remembered as stored. */
  drop(recipient: string): Promise<void>;
  /** Flushes what is under way and releases everything. Idempotent. */
  close(): Promise<void>;
}
