/** The array is trimmed when at least this many of its items, and more than half of them, have been removed. */
const MIN_SPARE = 256;

/** A queue whose operations take constant time, however many items it holds. (Removing the first entry of a large array, Set or Map does not.) */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest item. */
  first(): T | undefined {
    return this.#items[this.#head];
  }

  /** Removes and returns the oldest item. */
  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.size === 0) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head >= MIN_SPARE && this.#head * 2 > this.#items.length) this.#trim();
    return item;
  }

  /** From the oldest item to the newest. */
  *[Symbol.iterator](): Iterator<T> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at] as T;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  /** Removes all other items; the order of the remaining ones does not change. */
  retain(keep: (item: T) => boolean): void {
    this.#trim();
    this.#items = this.#items.filter((item) => item !== undefined && keep(item));
  }

  #trim(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
