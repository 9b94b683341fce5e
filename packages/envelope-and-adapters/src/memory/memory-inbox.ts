import { deferred, type Deferred } from "@parley/core/internal";
import type { ReceivedEnvelope } from "../port.ts";

export interface MemoryItem {
  /** Its place on the channel. */
  readonly place: number;
  readonly received: ReceivedEnvelope;
}

/** What a party has received and nobody has taken, or somebody has left unsettled; in the order of the channel. */
export class MemoryInbox {
  /** By place, in order. */
  #waiting: MemoryItem[] = [];
  readonly #left = new Set<MemoryItem>();
  #news: Deferred<void> = deferred();

  add(item: MemoryItem): void {
    this.#waiting.push(item);
    this.tellChange();
  }

  /** Takes the first that is accepted. */
  first(accepts: (item: MemoryItem) => boolean): MemoryItem | undefined {
    const index = this.#waiting.findIndex(accepts);
    const [item] = index === -1 ? [] : this.#waiting.splice(index, 1);
    if (item !== undefined) this.#left.delete(item);
    return item;
  }

  /** Puts an item back in its place: somebody has left it. */
  keep(item: MemoryItem): void {
    const index = this.#waiting.findIndex(({ place }) => place > item.place);
    this.#waiting.splice(index === -1 ? this.#waiting.length : index, 0, item);
    this.#left.add(item);
    this.tellChange();
  }

  remove(item: MemoryItem): void {
    if (this.#left.delete(item)) this.#waiting = this.#waiting.filter((waiting) => waiting !== item);
  }

  /** Lets everything go that nobody has left. */
  dropUnread(): void {
    if (this.#waiting.length > this.#left.size) this.#waiting = this.#waiting.filter((item) => this.#left.has(item));
  }

  tellChange(): void {
    this.#news.resolve();
    this.#news = deferred();
  }

  /** Resolves with the next change. */
  change(): Promise<void> {
    return this.#news.promise;
  }
}
