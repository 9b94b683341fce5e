import { open, type FileHandle } from "node:fs/promises";
import type { Table, Write } from "@parley/storage";

const KIB = 1024;
/** Pages that any commit may use in addition to its rows: the tree of tables, the list of free pages, and the roots. */
const BASE_PAGES = 16;
/** Pages reserved for commits that only remove rows, so that a full disk can be emptied. */
const KEPT_PAGES = 32;
/** Pages from a root to a leaf, which one row may change. */
const PATH_PAGES = 4;
/** Overhead of a row in its page, in bytes. */
const ROW_OVERHEAD = 32;
/** Number of similar commits for which space is allocated in advance, within bounds. */
const AHEAD_COMMITS = 4;
const MIN_AHEAD = 1024 * KIB;
const MAX_AHEAD = 8 * MIN_AHEAD;
/** Written to extend the file: one buffer for all writes, and few of them, since each takes a call of the thread pool. */
const ZEROS = Buffer.alloc(256 * KIB);
/** How long a successful flush proves that the file is writable, in milliseconds. */
const PROVEN_MS = 10;

/** The used part of an LMDB file. */
export interface FileUse {
  readonly pageSize: number;
  /** Number of the last page in use. */
  readonly lastPageNumber: number;
  /** Pages of a table's tree. */
  pagesOf(table: Table): number;
}

/** Upper bounds in bytes. */
interface Need {
  /** Bytes that a commit adds to the file. */
  readonly taken: number;
  /** Bytes that must remain free after it. */
  readonly kept: number;
}

/**
 * Allocates disk space at the end of an LMDB file before LMDB writes there. Otherwise, a full disk would interrupt a commit: LMDB then reports
 * "Input/output error", or overruns the buffer of its error message (lmdb 3.5), which ends the process.
 */
export class ReservedSpace {
  readonly #file: FileHandle;
  #size: number;
  #pageSize = 4 * KIB;
  /** Upper bound of the used bytes: the last number from LMDB, plus the needs of all commits since then. */
  #used = Number.POSITIVE_INFINITY;
  /** Time of the last successful write to the file. */
  #provenAt = Number.NEGATIVE_INFINITY;

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  static async open(path: string): Promise<ReservedSpace> {
    const file = await open(path, "r+");
    return new ReservedSpace(file, (await file.stat()).size);
  }

  /**
   * Allocates space for writes, and probes the file with a write unless a commit has just succeeded. Must not run during a commit.
   *
   * @param use asks LMDB for the used space. Called only if the upper bound does not fit, because it costs more.
   * @throws the system's error: ENOSPC, EDQUOT, EROFS, EIO, … The commit must not be started then.
   */
  async reserve(writes: readonly Write[], use: () => FileUse): Promise<void> {
    let need = bytesFor(writes, this.#pageSize, this.#used);
    if (!this.#fits(need)) {
      const { pageSize, lastPageNumber, pagesOf } = use();
      this.#pageSize = pageSize;
      this.#used = (lastPageNumber + 1) * pageSize;
      need = bytesFor(writes, pageSize, this.#used);
      // With space for one commit only, the next one would ask again.
      if (!this.#fits({ ...need, taken: AHEAD_COMMITS * need.taken })) {
        const ahead = Math.min(MAX_AHEAD, Math.max(MIN_AHEAD, AHEAD_COMMITS * need.taken));
        need = bytesFor(writes, pageSize, this.#used, pagesOf);
        const needed = this.#used + need.taken + need.kept;
        await this.#extend(needed + ahead, needed);
      }
    }
    this.#used += need.taken;
    if (performance.now() - this.#provenAt < PROVEN_MS) return;
    // Beyond the used part, so that it changes nothing.
    await this.#file.write(Buffer.of(0), 0, 1, this.#size - 1);
  }

  /** Called after each commit. While commits succeed in short succession, no probe is needed. */
  committed(isDurable: boolean): void {
    this.#provenAt = isDurable ? performance.now() : Number.NEGATIVE_INFINITY;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #fits({ taken, kept }: Need): boolean {
    return this.#used + taken + kept <= this.#size;
  }

  /** Extends the file to `wanted` bytes. On a full disk, `needed` bytes are sufficient. */
  async #extend(wanted: number, needed: number): Promise<void> {
    try {
      while (this.#size < wanted) {
        const length = Math.min(ZEROS.length, Math.ceil(wanted) - this.#size);
        const { bytesWritten } = await this.#file.write(ZEROS, 0, length, this.#size);
        this.#size += bytesWritten;
      }
    } catch (error) {
      if (this.#size < needed) throw error;
    }
  }
}

/**
 * Estimates the space that a commit needs in a file of `used` bytes.
 *
 * @param pagesOf pages of a table's tree. Without it, each tree is assumed to fill the file.
 */
function bytesFor(writes: readonly Write[], pageSize: number, used: number, pagesOf?: FileUse["pagesOf"]): Need {
  let rows = 0;
  let large = 0;
  let removes = false;
  for (const { key, value } of writes) {
    if (value === undefined) {
      removes = true;
      continue;
    }
    const bytes = key.length + value.length + ROW_OVERHEAD;
    // Larger values are stored in overflow pages.
    if (bytes > pageSize / 2) large += Math.ceil((bytes + ROW_OVERHEAD) / pageSize);
    else rows += bytes;
  }
  const paths = pagesOf === undefined ? Math.min(writes.length * PATH_PAGES, used / pageSize) : pathPages(writes, pagesOf);
  // Split pages are half full.
  const taken = (BASE_PAGES + large + paths) * pageSize + 2 * rows;
  return { taken, kept: removes && large === 0 && rows <= pageSize ? 0 : KEPT_PAGES * pageSize };
}

function pathPages(writes: readonly Write[], pagesOf: FileUse["pagesOf"]): number {
  const counts = new Map<Table, number>();
  for (const { table } of writes) counts.set(table, (counts.get(table) ?? 0) + 1);
  let pages = 0;
  for (const [table, count] of counts) pages += Math.min(count * PATH_PAGES, pagesOf(table) + 1);
  return pages;
}
