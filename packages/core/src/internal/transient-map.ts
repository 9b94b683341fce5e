/** Entries that are added before a {@link TransientMap} starts over. */
const GENERATION = 1024;

/**
 * A Map for entries that come and go with every message.
 *
 * V8 links each table that a Map outgrows, by deletions too, to its successor. Once one such table has reached the old generation of
 * the heap, every later one survives with all it held until a full collection. So this starts over with a new Map now and then.
 */
export class TransientMap<K, V> implements Iterable<[K, V]> {
  #entries = new Map<K, V>();
  #added = 0;

  get size(): number {
    return this.#entries.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    if (++this.#added >= GENERATION && this.#added >= this.#entries.size) {
      this.#entries = new Map(this.#entries);
      this.#added = 0;
    }
    this.#entries.set(key, value);
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  /** In the order of their coming. Entries may be deleted on the way; what is added meanwhile may be missed. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#entries.entries();
  }

  /** Those that are there now; what is added or deleted meanwhile changes nothing about it. */
  values(): V[] {
    return [...this.#entries.values()];
  }
}
