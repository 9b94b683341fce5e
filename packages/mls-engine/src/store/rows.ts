import type { StoreChange } from "./group-store.ts";

/** A row as it is held in memory. */
export interface Row {
  readonly value: Uint8Array;
  readonly isPublic: boolean;
}

/** The rows of one partition in memory. Values are copied on reading and writing, and secret ones are erased when they are replaced. */
export class Rows {
  readonly #rows: Map<string, Row> = new Map();

  get size(): number {
    return this.#rows.size;
  }

  /** The row itself, not a copy. */
  peek(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  /** A copy of a row's value. */
  get(key: string): Uint8Array | undefined {
    const value = this.#rows.get(key)?.value;
    return value === undefined ? undefined : new Uint8Array(value);
  }

  keys(prefix = ""): string[] {
    const keys = Array.from(this.#rows.keys());
    return (prefix === "" ? keys : keys.filter((key) => key.startsWith(prefix))).toSorted(byCodeUnits);
  }

  /** The keys of the public or of the secret rows, in no particular order. */
  *keysOf(isPublic: boolean): Generator<string> {
    for (const [key, row] of this.#rows) if (row.isPublic === isPublic) yield key;
  }

  /** Applies a batch that `checkBatch` has accepted. */
  apply(changes: readonly StoreChange[]): void {
    for (const { key, value, isPublic = false } of changes) {
      if (value === undefined) this.delete(key);
      else this.set(key, value, isPublic);
    }
  }

  set(key: string, value: Uint8Array, isPublic: boolean): void {
    const copy = new Uint8Array(value);
    this.#erase(key);
    this.#rows.set(key, { value: copy, isPublic });
  }

  delete(key: string): void {
    this.#erase(key);
    this.#rows.delete(key);
  }

  /** Erases every secret. */
  clear(): void {
    for (const key of this.#rows.keys()) this.#erase(key);
    this.#rows.clear();
  }

  #erase(key: string): void {
    const row = this.#rows.get(key);
    if (row !== undefined && !row.isPublic) row.value.fill(0);
  }
}

function byCodeUnits(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
