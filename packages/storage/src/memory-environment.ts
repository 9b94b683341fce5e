import type { Environment } from "./environment.ts";
import type { Table, Write, WriteBatch } from "./table.ts";
import { WriteQueue } from "./write-queue.ts";

type Range = Omit<Parameters<Table["getRange"]>[0], "onDamaged">;

interface Row {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** An environment in memory, for tests and for servers without a data directory. Its contents end with the object. */
export class MemoryEnvironment implements Environment {
  readonly writes: WriteQueue = new WriteQueue((writes) => this.#commit(writes));
  readonly #tables = new Map<string, MemoryTable>();

  table(name: string): MemoryTable {
    const table = this.#tables.get(name) ?? new MemoryTable(name, () => this.table("damaged"));
    this.#tables.set(name, table);
    return table;
  }

  #commit(writes: readonly Write[]): Promise<void> {
    for (const write of writes) (write.table as MemoryTable).apply(write);
    return Promise.resolve();
  }
}

class MemoryTable implements Table {
  readonly #name: string;
  readonly #damaged: () => Table;
  /** Ordered by key. Ranges are copies, so that an iteration reads one version. */
  readonly #rows: Row[] = [];

  constructor(name: string, damaged: () => Table) {
    this.#name = name;
    this.#damaged = damaged;
  }

  get size(): number {
    return this.#rows.length;
  }

  has(key: Uint8Array): boolean {
    return this.get(key) !== undefined;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const row = this.#rows[this.#indexOf(key)];
    return row !== undefined && row.key.equals(key) ? row.value : undefined;
  }

  getRange(range: Range): readonly Row[] {
    const { start, end, limit = Number.POSITIVE_INFINITY } = range;
    const from = start === undefined ? 0 : this.#indexOf(start);
    const to = end === undefined ? this.#rows.length : this.#indexOf(end);
    return this.#rows.slice(from, Math.min(to, from + Math.max(0, limit)));
  }

  getKeys(range: Range): readonly Uint8Array[] {
    return this.getRange(range).map(({ key }) => key);
  }

  setAside(writes: WriteBatch, key: Uint8Array): Uint8Array | undefined {
    const record = this.get(key);
    if (record === undefined) return undefined;
    writes.put(this.#damaged(), Buffer.concat([Buffer.from(`${this.#name}\0`), key]), record);
    writes.remove(this, Uint8Array.from(key));
    return record;
  }

  apply({ key, value }: Write): void {
    const index = this.#indexOf(key);
    const isPresent = this.#rows[index]?.key.equals(key) === true;
    const row = value === undefined ? [] : [{ key: Buffer.from(key), value: Buffer.from(value) }];
    this.#rows.splice(index, isPresent ? 1 : 0, ...row);
  }

  /** Index of the first row whose key is not less than `key`. */
  #indexOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare((this.#rows[middle] as Row).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
