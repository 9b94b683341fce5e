import { deferred, type Deferred } from "@parley/core/internal";
import type { ReceivedEnvelope } from "../port.ts";

export interface MemoryItem {
  /** Sequence number on the channel. */
  readonly sequence: number;
  readonly received: ReceivedEnvelope;
}

/** Envelopes of one party that have no subscriber yet or were left unsettled, in the order of the channel. */
export class MemoryInbox {
  /** In the order of sequence numbers. */
  #waiting: MemoryItem[] = [];
  readonly #left = new Set<MemoryItem>();
  #changed: Deferred<void> = deferred();

  add(item: MemoryItem): void {
    this.#waiting.push(item);
    this.notifyChange();
  }

  /** Removes and returns the first item that is accepted. */
  first(accepts: (item: MemoryItem) => boolean): MemoryItem | undefined {
    const index = this.#waiting.findIndex(accepts);
    const [item] = index === -1 ? [] : this.#waiting.splice(index, 1);
    if (item !== undefined) this.#left.delete(item);
    return item;
  }

  /** Adds an item that was left unsettled, in its order. */
  keep(item: MemoryItem): void {
    const index = this.#waiting.findIndex(({ sequence }) => sequence > item.sequence);
    this.#waiting.splice(index === -1 ? this.#waiting.length : index, 0, item);
    this.#left.add(item);
    this.notifyChange();
  }

  remove(item: MemoryItem): void {
    if (this.#left.delete(item)) this.#waiting = this.#waiting.filter((waiting) => waiting !== item);
  }

  /** Discards all items except those that were left unsettled. */
  dropUnread(): void {
    if (this.#waiting.length > this.#left.size) this.#waiting = this.#waiting.filter((item) => this.#left.has(item));
  }

  notifyChange(): void {
    this.#changed.resolve();
    this.#changed = deferred();
  }

  /** Resolves with the next change. */
  change(): Promise<void> {
    return this.#changed.promise;
  }
}
