/** Insertions before a {@link ChurnMap} replaces its Map. */
const GENERATION = 1024;

/**
 * A Map for churn: entries that are added and deleted with every message, while few are present at any time.
 *
 * In a plain Map they would keep memory that is not in use. V8 links each hash table that a Map replaces, after deletions too, to its
 * successor. As soon as one of them is in the old generation of the heap, all later ones and their entries are retained until a full
 * collection. So the Map is replaced after 1,024 insertions. It is created with the first entry, because an empty one takes 190 bytes, and an idle
 * agent of a node has a dozen of them.
 */
export class ChurnMap<K, V> implements Iterable<[K, V]> {
  #entries: Map<K, V> | undefined;
  #added = 0;

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  has(key: K): boolean {
    return this.#entries?.has(key) === true;
  }

  get(key: K): V | undefined {
    return this.#entries?.get(key);
  }

  set(key: K, value: V): void {
    this.#entries ??= new Map();
    if (++this.#added >= GENERATION && this.#added >= this.#entries.size) {
      this.#entries = new Map(this.#entries);
      this.#added = 0;
    }
    this.#entries.set(key, value);
  }

  delete(key: K): boolean {
    return this.#entries?.delete(key) === true;
  }

  clear(): void {
    this.#entries = undefined;
    this.#added = 0;
  }

  /** In insertion order. Entries may be deleted during the iteration; entries that are added during it may be skipped. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return (this.#entries ?? new Map<K, V>()).entries();
  }

  /** A copy of the present values: later changes of the map don't affect it. */
  values(): V[] {
    return this.#entries === undefined ? [] : [...this.#entries.values()];
  }
}
