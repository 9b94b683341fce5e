import { conflict } from "./registry-error.ts";
import { assertChanges, type Registry, type RegistryChange, type RegistryEntry, type RegistryListOptions } from "./registry.ts";

/** Records that live as long as the process. */
export class MemoryRegistry implements Registry {
  readonly #entries = new Map<string, RegistryEntry>();
  #revisions = 0;

  get(key: string): Promise<RegistryEntry | undefined> {
    return Promise.resolve(this.#entries.get(key));
  }

  list(prefix: string, { limit, after = "" }: RegistryListOptions): Promise<readonly RegistryEntry[]> {
    const keys = Array.from(this.#entries.keys()).filter((key) => key.startsWith(prefix) && key > after);
    return Promise.resolve(
      keys
        .toSorted(byCodeUnits)
        .slice(0, limit)
        .flatMap((key) => this.#entries.get(key) ?? []),
    );
  }

  async commit(changes: readonly RegistryChange[]): Promise<void> {
    assertChanges(changes);
    for (const { key, expected } of changes) if (this.#entries.get(key)?.revision !== expected) throw conflict();
    for (const { key, record } of changes) {
      if (record === null) this.#entries.delete(key);
      // A copy: what the caller does with its own object afterwards changes nothing here.
      else if (record !== undefined) this.#entries.set(key, { key, record: structuredClone(record), revision: String(++this.#revisions) });
    }
    await Promise.resolve();
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : 1;
}
