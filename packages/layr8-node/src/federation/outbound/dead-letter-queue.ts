import { Fifo } from "@parley/core/internal";
import { ParleyError } from "@parley/core";
import { isRecordDamaged } from "@parley/storage";
import type { DeliveryFailure, OutboundEvents } from "./outbound.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import type { OutboundStore, StoredEntry } from "./outbound-store.ts";

/** A message that can't be delivered, and why. */
interface DeadLetter {
  readonly entry: StoredEntry;
  readonly cause: DeliveryFailure;
}

/** Number of dead letters reported at the same time: enough to share flushes of the disk. */
const MAX_CONCURRENT = 16;

/** Failed removals and reports retried per sweep. */
const MAX_REMOVALS = 1024;

/** Options of {@link DeadLetterQueue}. */
export interface DeadLetterQueueOptions {
  readonly store: OutboundStore;
  readonly events: Pick<OutboundEvents, "onDead" | "onFailure">;
  /** Called when a message has been removed from the store. */
  onRemoved(entry: StoredEntry): void;
}

/**
 * Removes messages from the store: delivered ones directly, dead letters after they have been reported. Failed operations are retried by
 * the next sweep.
 */
export class DeadLetterQueue {
  readonly #options: DeadLetterQueueOptions;
  readonly #working = new Set<Promise<void>>();
  readonly #waiting = new Fifo<DeadLetter>();
  #active = 0;
  readonly #failedReports: DeadLetter[] = [];
  readonly #failedRemovals: StoredEntry[] = [];
  #closed = false;

  constructor(options: DeadLetterQueueOptions) {
    this.#options = options;
  }

  /** Removes a delivered message. */
  remove(entry: StoredEntry): void {
    this.#track(this.#remove(entry));
  }

  /** Reports a message that can't be delivered, then removes it. */
  add(entry: StoredEntry, cause: DeliveryFailure): void {
    this.#waiting.push({ entry, cause });
    this.#next();
  }

  /** Called by the queue's sweep timer, every second. */
  sweep(): void {
    for (const { entry, cause } of this.#failedReports.splice(0, MAX_REMOVALS)) this.add(entry, cause);
    // While the disk is full, all of them would fail again.
    for (const entry of this.#failedRemovals.splice(0, MAX_REMOVALS)) this.remove(entry);
  }

  /** Waits for running reports and removals. Dead letters not reported yet are still in the store. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#working.size > 0) await Promise.all(this.#working);
  }

  #next(): void {
    while (!this.#closed && this.#active < MAX_CONCURRENT) {
      const deadLetter = this.#waiting.shift();
      if (deadLetter === undefined) return;
      this.#active += 1;
      this.#track(
        this.#report(deadLetter).finally(() => {
          this.#active -= 1;
          this.#next();
        }),
      );
    }
  }

  async #report(deadLetter: DeadLetter): Promise<void> {
    const { events } = this.#options;
    let message: OutboundMessage | undefined;
    try {
      message = this.#read(deadLetter.entry);
      if (message !== undefined) await events.onDead(message, deadLetter.cause);
    } catch (error) {
      events.onFailure(error);
      // An unreadable message stays unreadable, and permanent failures stay permanent: no retry.
      if (message !== undefined && ParleyError.from(error).retryable) {
        this.#failedReports.push(deadLetter);
        return;
      }
    }
    await this.#remove(deadLetter.entry);
  }

  #read(entry: StoredEntry): OutboundMessage | undefined {
    const { store } = this.#options;
    try {
      return store.read(entry);
    } catch (error) {
      if (isRecordDamaged(error)) return store.salvage(entry);
      throw error;
    }
  }

  async #remove(entry: StoredEntry): Promise<void> {
    const { store, events, onRemoved } = this.#options;
    try {
      await store.remove(entry);
      onRemoved(entry);
    } catch (error) {
      events.onFailure(error);
      this.#failedRemovals.push(entry);
    }
  }

  #track(work: Promise<void>): void {
    this.#working.add(work);
    void work.finally(() => this.#working.delete(work));
  }
}
