import { conflict } from "./registry-error.ts";
import { assertChanges, type Registry, type RegistryChange, type RegistryEntry, type RegistryListOptions } from "./registry.ts";

/** Registry in memory, lost when the process ends. */
export class MemoryRegistry implements Registry {
  readonly #entries = new Map<string, RegistryEntry>();
  /** The keys of all entries, in their order. */
  readonly #keys: string[] = [];
  #revisions = 0;

  get(key: string): Promise<RegistryEntry | undefined> {
    return Promise.resolve(this.#entries.get(key));
  }

  list(prefix: string, { limit, after }: RegistryListOptions): Promise<readonly RegistryEntry[]> {
    const found: RegistryEntry[] = [];
    for (let place = this.#start(prefix, after); found.length < limit; place++) {
      const entry = this.#entries.get(this.#keys[place] ?? "");
      if (entry === undefined || !entry.key.startsWith(prefix)) break;
      found.push(entry);
    }
    return Promise.resolve(found);
  }

  async commit(changes: readonly RegistryChange[]): Promise<void> {
    assertChanges(changes);
    for (const { key, expected } of changes) if (this.#entries.get(key)?.revision !== expected) throw conflict();
    for (const { key, record } of changes) {
      if (record === null) this.#remove(key);
      // A copy: what the caller does with its own object afterwards changes nothing here.
      else if (record !== undefined) this.#put({ key, record: structuredClone(record), revision: String(++this.#revisions) });
    }
    await Promise.resolve();
  }

  #put(entry: RegistryEntry): void {
    if (!this.#entries.has(entry.key)) this.#keys.splice(this.#place(entry.key), 0, entry.key);
    this.#entries.set(entry.key, entry);
  }

  #remove(key: string): void {
    if (this.#entries.delete(key)) this.#keys.splice(this.#place(key), 1);
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
