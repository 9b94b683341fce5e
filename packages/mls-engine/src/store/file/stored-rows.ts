import type { Rows } from "../rows.ts";
import { sizeOf, type Entry } from "./entries.ts";

type Put = Extract<Entry, { type: "put" }>;

/** A row as it is on disk. */
interface StoredRow {
  readonly isPublic: boolean;
  readonly size: number;
}

/** What is to be written so that the disk holds the rows. */
export interface Delta {
  readonly secret: readonly Entry[];
  readonly open: readonly Entry[];
}

/**
 * Which rows are on disk, in which of a partition's two files, and which have changed since.
 *
 * A key has a row in one of the files at most: before it appears in one, it is removed from the other. So each file can be read, and
 * rewritten, without looking at the other.
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

  /** Whether a secret is on disk that isn't in the rows any more, as far as {@link StoredRows.take} has been called. */
  get hasStaleSecrets(): boolean {
    return this.#hasStaleSecrets;
  }

  /** Bytes on disk that rows account for. */
  get live(): Readonly<{ secret: number; open: number }> {
    return this.#live;
  }

  changed(key: string): void {
    this.#changed.add(key);
  }

  /** Takes in an entry that was read from disk: first all those of secret rows, then those of public ones. */
  read(entry: Entry, isPublic: boolean): void {
    if (entry.type !== "put" && entry.type !== "remove") return;
    // A row that has ended up secret: what the other file tells is how it was before.
    if (isPublic && this.#stored.get(entry.key)?.isPublic === false) return;
    if (entry.type === "put") this.#rows.set(entry.key, entry.value, isPublic);
    else this.#rows.delete(entry.key);
    this.#store(entry.key, entry.type === "put" ? { isPublic, size: sizeOf(entry) } : undefined);
  }

  /** What has changed; it counts as stored from now on. */
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

  /** The file of the secret rows has been written anew. */
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
