import type { OutboundMessage } from "./outbound.ts";

/** A message in the store, by what is known of it without reading it. */
export interface StoredEntry {
  readonly sender: string;
  readonly recipient: string;
  /** Place in the order of coming: ascending over all messages. */
  readonly seq: number;
  /** Characters of its plaintext. */
  readonly length: number;
  readonly expiresAt: number;
}

/** What became of an append. */
export type Appended =
  | { readonly status: "stored"; readonly entry: StoredEntry; readonly durable: Promise<void> }
  | { readonly status: "duplicate" }
  | { readonly status: "full" };

/** What a store is made with. */
export interface OutboundStoreOptions {
  /** How long (sender, recipient, id) is remembered after a message was stored, in milliseconds; at least as long as it waits. */
  readonly deduplicationMs: number;
  /** How many messages are remembered at least, whatever their age. */
  readonly maxRemembered: number;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

/**
 * Where messages to other nodes wait. Every implementation passes `test/federation/outbound/outbound-store-compliance.ts`.
 *
 * Writes resolve when they are durable; an append resolves as soon as the message has its place, with a promise of its durability. Appends
 * become durable in the order of the calls. Concurrent writes share a flush. A write that rejects with `StorageError` `storage_failed` has
 * changed nothing, and so it is with every call after `close`.
 */
export interface OutboundStore {
  /**
   * Stores a message. The same (sender, recipient, id) again is a duplicate while it waits and while it is remembered; one of an append
   * that is under way resolves, and rejects, with it. Where there is no room, whatever is no duplicate is refused as `full`.
   */
  append(message: OutboundMessage, hasRoom?: boolean): Promise<Appended>;
  /** What waits, oldest first. Asked once, before the first append. */
  entries(): Iterable<StoredEntry>;
  /**
   * Reads a message that has its place, durable or not yet, and is not removed.
   *
   * @throws StorageError `storage_failed`, `record_damaged`
   */
  read(entry: StoredEntry): OutboundMessage;
  /** What is left of a damaged message: it, without its body and thread. Sets its record aside; the entry is still to be removed. */
  salvage(entry: StoredEntry): OutboundMessage | undefined;
  /** Removes a message for good, one that is not durable yet too; it stays remembered. */
  remove(entry: StoredEntry): Promise<void>;
  /** Flushes what is under way and releases everything. Idempotent. */
  close(): Promise<void>;
}
