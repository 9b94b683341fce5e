import type { OutboundMessage } from "./outbound-message.ts";

/** Metadata of a stored message, available without reading it. */
export interface StoredEntry {
  readonly sender: string;
  readonly recipient: string;
  /** Sequence number, ascending over all messages. */
  readonly seq: number;
  /** Characters of its plaintext. */
  readonly length: number;
  readonly expiresAt: number;
  /** When it was queued, or read from disk at the start, by `performance.now()`: for measurements only. */
  readonly queuedAt: number;
}

/** Result of an append. */
export type Appended =
  | { readonly status: "stored"; readonly entry: StoredEntry; readonly durable: Promise<void> }
  | { readonly status: "duplicate" }
  | { readonly status: "full" };

/** Options of an {@link OutboundStore}. */
export interface OutboundStoreOptions {
  /** How long (sender, recipient, id) is remembered after a message was stored, in milliseconds; at least while it waits. */
  readonly deduplicationMs: number;
  /** Minimum number of messages remembered, whatever their age. */
  readonly maxRemembered: number;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

/**
 * Durable store of messages to other nodes. Every implementation passes `test/federation/outbound/outbound-store-compliance.ts`.
 *
 * Writes resolve when they are durable. An append resolves as soon as the message has its sequence number, with a promise of its
 * durability. Appends become durable in the order of the calls. Concurrent writes share a flush. A write that rejects with `StorageError`
 * `storage_failed` has changed nothing; every call after `close` rejects so.
 */
export interface OutboundStore {
  /**
   * Stores a message. The same (sender, recipient, id) is a duplicate while it waits and while it is remembered. A duplicate of a pending
   * append resolves and rejects with it. Without room, all but duplicates are `full`.
   */
  append(message: OutboundMessage, hasRoom?: boolean): Promise<Appended>;
  /** The stored entries, oldest first. Called once, before the first append. */
  entries(): Iterable<StoredEntry>;
  /**
   * Reads a message that was appended, durable or not, and not removed.
   *
   * @throws StorageError `storage_failed`, `record_damaged`
   */
  read(entry: StoredEntry): OutboundMessage;
  /** Recovers a damaged message without its body and thread, and sets its record aside. The entry must still be removed. */
  salvage(entry: StoredEntry): OutboundMessage | undefined;
  /** Removes a message, even if it is not durable yet. It stays remembered. */
  remove(entry: StoredEntry): Promise<void>;
  /**
   * Sets the listener for entries that the store has taken over from a node that has ended, oldest first. Called once, after {@link OutboundStore.entries}.
   * Absent on a node that shares nothing.
   */
  onTakenOver?(listener: (entry: StoredEntry) => void): void;
  /** Flushes pending writes and closes the store. Idempotent. */
  close(): Promise<void>;
}
