/** Items that have been taken are dropped from the array when they are most of it, and so many at least. */
const MIN_SPARE = 256;

/** First in, first out, at the same cost however many wait. (Taking the first entry of a large array, Set or Map is not.) */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The one that has waited for longest. */
  first(): T | undefined {
    return this.#items[this.#head];
  }

  /** Takes it out. */
  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.size === 0) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head >= MIN_SPARE && this.#head * 2 > this.#items.length) this.#trim();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  /** Keeps only some, in their order. */
  retain(keep: (item: T) => boolean): void {
    this.#trim();
    this.#items = this.#items.filter((item) => item !== undefined && keep(item));
  }

  #trim(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
