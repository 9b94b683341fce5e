import type { RegistryEntry, RegistryListOptions } from "./registry.ts";

/** Entries of a registry in memory, in the order of their keys. */
export class SortedEntries {
  readonly #entries = new Map<string, RegistryEntry>();
  readonly #keys: string[] = [];

  get(key: string): RegistryEntry | undefined {
    return this.#entries.get(key);
  }

  /** All entries, in no particular order. */
  all(): RegistryEntry[] {
    return [...this.#entries.values()];
  }

  list(prefix: string, { limit, after }: RegistryListOptions): readonly RegistryEntry[] {
    const found: RegistryEntry[] = [];
    for (let place = this.#start(prefix, after); found.length < limit; place++) {
      const entry = this.#entries.get(this.#keys[place] ?? "");
      if (entry === undefined || !entry.key.startsWith(prefix)) break;
      found.push(entry);
    }
    return found;
  }

  set(entry: RegistryEntry): void {
    if (!this.#entries.has(entry.key)) this.#keys.splice(this.#place(entry.key), 0, entry.key);
    this.#entries.set(entry.key, entry);
  }

  delete(key: string): void {
    if (this.#entries.delete(key)) this.#keys.splice(this.#place(key), 1);
  }

  clear(): void {
    this.#entries.clear();
    this.#keys.length = 0;
  }

  #start(prefix: string, after: string | undefined): number {
    if (after === undefined || after < prefix) return this.#place(prefix);
    const place = this.#place(after);
    return this.#keys[place] === after ? place + 1 : place;
  }

  /** Where a key is among the keys, or would be. */
  #place(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
