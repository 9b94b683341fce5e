import { StorageError } from "@parley/storage";
import { type Fingerprint, RecentMessages } from "../../inbox/recent-messages.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import { outboundFingerprint } from "./outbound-record.ts";
import type { Appended, OutboundStore, OutboundStoreOptions, StoredEntry } from "./outbound-store.ts";

const DURABLE = Promise.resolve();

/**
 * Stores messages to other nodes in memory. They are lost on a restart. `LmdbOutboundStore` on a `MemoryEnvironment` would do the same, but a message,
 * appended, read and removed, takes 30 µs of CPU time there and 7 µs here.
 */
export class MemoryOutboundStore implements OutboundStore {
  readonly #now: () => number;
  readonly #recent: RecentMessages;
  readonly #messages = new Map<number, OutboundMessage>();
  readonly #waiting = new Set<Fingerprint>();
  #lastSeq = 0;
  #closed = false;

  constructor({ deduplicationMs, maxRemembered, now = Date.now }: OutboundStoreOptions) {
    this.#now = now;
    this.#recent = new RecentMessages(deduplicationMs, maxRemembered, now());
  }

  async append(message: OutboundMessage, hasRoom = true): Promise<Appended> {
    this.#assertOpen();
    const fingerprint = outboundFingerprint(message);
    if (this.#waiting.has(fingerprint) || this.#recent.has(fingerprint, this.#now())) return { status: "duplicate" };
    if (!hasRoom) return { status: "full" };
    this.#waiting.add(fingerprint);
    this.#recent.add(fingerprint, this.#now());
    const { sender, recipient, plaintext, expiresAt } = message;
    const entry: StoredEntry = {
      sender,
      recipient,
      seq: ++this.#lastSeq,
      length: plaintext.length,
      expiresAt,
      queuedAt: performance.now(),
    };
    this.#messages.set(entry.seq, message);
    message.onAppend?.();
    return { status: "stored", entry, durable: DURABLE };
  }

  entries(): Iterable<StoredEntry> {
    return [];
  }

  read({ seq }: StoredEntry): OutboundMessage {
    this.#assertOpen();
    const message = this.#messages.get(seq);
    if (message === undefined) throw new StorageError("storage_failed", "Unknown message to another node");
    return message;
  }

  salvage(): undefined {
    // Memory has no damaged records.
    return undefined;
  }

  async remove({ seq }: StoredEntry): Promise<void> {
    this.#assertOpen();
    const message = this.#messages.get(seq);
    if (message === undefined) return;
    this.#messages.delete(seq);
    this.#waiting.delete(outboundFingerprint(message));
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #assertOpen(): void {
    if (this.#closed) throw new StorageError("storage_failed", "The queue of messages to other nodes is closed");
  }
}
