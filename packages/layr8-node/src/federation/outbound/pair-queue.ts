import { Fifo, TransientMap } from "@parley/core/internal";
import type { DeliveryFailure } from "./outbound.ts";
import type { StoredEntry } from "./outbound-store.ts";

/** What is known of the attempts to deliver the first message of a pair. */
export interface DeliveryAttempt {
  readonly entry: StoredEntry;
  /** Attempts that failed. */
  failures: number;
  /** Why the last one failed, for people. */
  reason?: string;
  /** Whether the last attempt failed because the recipient's document could not be had. */
  unresolved: boolean;
  /** Whether the recipient's document is to be newer than the first look at it. */
  lookedAgain: boolean;
  /** A refusal that stands unless the recipient's document has changed since: it, and the document as JSON. */
  refusal?: { readonly cause: DeliveryFailure; readonly document: string };
}

/** Messages that are gone, beyond which a pair tidies up. */
const MAX_GONE = 64;

/** Messages of one sender for one recipient, in the order of their coming. The messages themselves are in the store. */
export class PairQueue {
  readonly recipient: string;
  /** Whether somebody sees to its messages. */
  running = false;
  /** The message that is being posted, which nobody else may take out. */
  posting: StoredEntry | undefined;
  /** By seq. */
  readonly #present = new TransientMap<number, StoredEntry>();
  /** In their order, with some that are gone already. */
  readonly #order = new Fifo<StoredEntry>();
  #attempt: DeliveryAttempt | undefined;

  constructor(recipient: string) {
    this.recipient = recipient;
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
    // Those that go while the first one is stuck would pile up.
    if (this.#order.size > MAX_GONE + 2 * this.#present.size) this.#order.retain(({ seq }) => this.#present.has(seq));
    return found;
  }

  /** The message whose turn it is, with what has been tried. */
  first(): DeliveryAttempt | undefined {
    let entry = this.#order.first();
    while (entry !== undefined && !this.#present.has(entry.seq)) {
      this.#order.shift();
      entry = this.#order.first();
    }
    if (entry === undefined) this.#attempt = undefined;
    else if (this.#attempt?.entry !== entry) this.#attempt = { entry, failures: 0, unresolved: false, lookedAgain: false };
    return this.#attempt;
  }

  isFirst({ entry }: DeliveryAttempt): boolean {
    return this.first()?.entry === entry;
  }
}
