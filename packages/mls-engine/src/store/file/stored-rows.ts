import type { Rows } from "../rows.ts";
import { sizeOf, type Entry } from "./entries.ts";

type Put = Extract<Entry, { type: "put" }>;

/** A row on disk. */
interface StoredRow {
  readonly isPublic: boolean;
  readonly size: number;
}

/** The entries to write, so that the disk matches the rows in memory. */
export interface Delta {
  readonly secret: readonly Entry[];
  readonly open: readonly Entry[];
}

/**
 * Tracks which rows are on disk, in which of a partition's two files, and which have changed since.
 *
 * A key has a row in at most one of the files: it is removed from one before it is written to the other. So each file can be read and rewritten
 * on its own.
 */
export class StoredRows {
  readonly #rows: Rows;
  readonly #stored = new Map<string, StoredRow>();
  readonly #changed = new Set<string>();
  readonly #live = { secret: 0, open: 0 };
  #hasStaleSecrets = false;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** Whether the disk contains a replaced or removed secret, according to the last {@link StoredRows.take}. */
  get hasStaleSecrets(): boolean {
    return this.#hasStaleSecrets;
  }

  /** Bytes of the current rows on disk. */
  get live(): Readonly<{ secret: number; open: number }> {
    return this.#live;
  }

  changed(key: string): void {
    this.#changed.add(key);
  }

  /** Applies an entry that was read from disk. Called for all secret rows first, then for the public ones. */
  read(entry: Entry, isPublic: boolean): void {
    if (entry.type !== "put" && entry.type !== "remove") return;
    // The row is secret now; the public file has an older value.
    if (isPublic && this.#stored.get(entry.key)?.isPublic === false) return;
    if (entry.type === "put") this.#rows.set(entry.key, entry.value, isPublic);
    else this.#rows.delete(entry.key);
    this.#store(entry.key, entry.type === "put" ? { isPublic, size: sizeOf(entry) } : undefined);
  }

  /** Returns the changed rows, and marks them as stored. */
  take(): Delta {
    const secret: Entry[] = [];
    const open: Entry[] = [];
    for (const key of this.#changed) {
      const row = this.#rows.peek(key);
      const stored = this.#stored.get(key);
      if (stored !== undefined && stored.isPublic !== row?.isPublic) (stored.isPublic ? open : secret).push({ type: "remove", key });
      const put: Put | undefined = row && { type: "put", key, value: row.value };
      if (row !== undefined && put !== undefined) (row.isPublic ? open : secret).push(put);
      this.#store(key, row && put && { isPublic: row.isPublic, size: sizeOf(put) });
    }
    this.#changed.clear();
    return { secret, open };
  }

  /** All rows of one file. */
  *all(isPublic: boolean): Generator<Put> {
    for (const key of this.#rows.keysOf(isPublic)) {
      const row = this.#rows.peek(key);
      if (row !== undefined) yield { type: "put", key, value: row.value };
    }
  }

  /** Called when the file of the secret rows was rewritten. */
  rewritten(): void {
    this.#hasStaleSecrets = false;
  }

  #store(key: string, row: StoredRow | undefined): void {
    const old = this.#stored.get(key);
    if (old !== undefined) {
      this.#live[old.isPublic ? "open" : "secret"] -= old.size;
      if (!old.isPublic) this.#hasStaleSecrets = true;
    }
    if (row === undefined) this.#stored.delete(key);
    else {
      this.#stored.set(key, row);
      this.#live[row.isPublic ? "open" : "secret"] += row.size;
    }
  }
}
