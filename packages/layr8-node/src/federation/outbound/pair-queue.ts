import { Fifo, ChurnMap } from "@parley/core/internal";
import { MAX_BATCH_ENVELOPES } from "../envelope-batch.ts";
import type { DeliveryFailure } from "./outbound.ts";
import type { StoredEntry } from "./outbound-store.ts";

/** The first message of a queue, and the state of all attempts to deliver it. */
export interface HeadState {
  readonly entry: StoredEntry;
  /** Number of failed attempts. */
  failures: number;
  /** Why the last attempt failed, for people. */
  reason?: string;
  /** Whether the last attempt failed because the recipient's document could not be resolved. */
  unresolved: boolean;
  /** Whether the recipient's document must be newer than the one first resolved. */
  lookedAgain: boolean;
  /** A rejection that is final unless the recipient's document has changed since: its cause, and the document as JSON. */
  refusal?: { readonly cause: DeliveryFailure; readonly document: string };
}

/** Number of removed messages above which a queue is compacted. */
const MAX_GONE = 64;

/** Messages from one sender to one recipient, in order. Holds entries only; the messages are in the store. */
export class PairQueue {
  readonly recipient: string;
  /** Whether a delivery loop runs for this queue. */
  running = false;
  /** The messages being posted, which expiry must not remove. Written by `RemoteSender`, read by the sweep of `OutboundQueue`. */
  posting: readonly StoredEntry[] = [];
  /**
   * Maximum number of messages in the next batch. 1 after a batch that was not accepted as a whole, because only a response to a message alone
   * decides about it. Doubles with each success: a remote node that accepts few messages of each batch can't cause much encryption.
   */
  #maxBatch = MAX_BATCH_ENVELOPES;
  /** By seq. */
  readonly #present = new ChurnMap<number, StoredEntry>();
  /** In order, removed ones included. */
  readonly #order = new Fifo<StoredEntry>();
  #attempt: HeadState | undefined;

  constructor(recipient: string) {
    this.recipient = recipient;
  }

  /** Number of messages. */
  get size(): number {
    return this.#present.size;
  }

  get empty(): boolean {
    return this.#present.size === 0;
  }

  add(entry: StoredEntry): void {
    this.#present.set(entry.seq, entry);
    this.#order.push(entry);
  }

  /** @returns whether it was there. */
  delete(entry: StoredEntry): boolean {
    const found = this.#present.delete(entry.seq);
    // Removed entries would accumulate while the first one is stuck.
    if (this.#order.size > MAX_GONE + 2 * this.#present.size) this.#order.retain(({ seq }) => this.#present.has(seq));
    return found;
  }

  /** The first message and the state of its attempts. */
  first(): HeadState | undefined {
    let entry = this.#order.first();
    while (entry !== undefined && !this.#present.has(entry.seq)) {
      this.#order.shift();
      entry = this.#order.first();
    }
    if (entry === undefined) this.#attempt = undefined;
    else if (this.#attempt?.entry !== entry) this.#attempt = { entry, failures: 0, unresolved: false, lookedAgain: false };
    return this.#attempt;
  }

  /** The first messages, in order: as many as the next batch may have. */
  firstEntries(): readonly StoredEntry[] {
    const max = this.#maxBatch;
    const entries: StoredEntry[] = [];
    for (const entry of this.entries()) {
      entries.push(entry);
      if (entries.length === max) break;
    }
    return entries;
  }

  /** All messages, in order. */
  *entries(): Generator<StoredEntry> {
    for (const entry of this.#order) if (this.#present.has(entry.seq)) yield entry;
  }

  /** The message with a sequence number. */
  get(seq: number): StoredEntry | undefined {
    return this.#present.get(seq);
  }

  /** Records whether a remote node has accepted all messages of a request. */
  posted(isAccepted: boolean): void {
    this.#maxBatch = isAccepted ? Math.min(2 * this.#maxBatch, MAX_BATCH_ENVELOPES) : 1;
  }

  isFirst({ entry }: HeadState): boolean {
    return this.first()?.entry === entry;
  }
}
