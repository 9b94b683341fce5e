import { open, type FileHandle } from "node:fs/promises";
import type { Table, Write } from "@parley/storage";

const KIB = 1024;
/** Pages that any commit may take besides its rows: the tree of tables, the list of free pages, and the roots. */
const BASE_PAGES = 16;
/** Pages that only commits which remove rows may take, so that a full disk can be emptied. */
const KEPT_PAGES = 32;
/** Pages from a root to a leaf: as many may be written for one row. */
const PATH_PAGES = 4;
/** Bytes around a row in its page. */
const ROW_OVERHEAD = 32;
/** Room that is made beyond what a commit may take: for as many more such commits, within bounds. */
const AHEAD_COMMITS = 4;
const MIN_AHEAD = 1024 * KIB;
const MAX_AHEAD = 8 * MIN_AHEAD;
const PIECE_BYTES = 64 * KIB;
/** How long a successful flush shows that the file can be written, in milliseconds. */
const PROVEN_MS = 10;

/** How much of an LMDB file is in use. */
export interface FileUse {
  readonly pageSize: number;
  /** Number of the last page that is in use. */
  readonly lastPageNumber: number;
  /** Pages of a table's tree. */
  pagesOf(table: Table): number;
}

/** Upper estimates in bytes. */
interface Need {
  /** What a commit adds to the file. */
  readonly taken: number;
  /** What must be left after it. */
  readonly kept: number;
}

/**
 * Room at the end of an LMDB file that is on disk before LMDB writes there. Without it, LMDB would find the disk full in the middle of a
 * commit: it says "Input/output error" then, or overruns a buffer of its own (lmdb 3.5, in the text about the failed write), which ends the
 * process.
 */
export class ReservedSpace {
  readonly #file: FileHandle;
  #size: number;
  #pageSize = 4 * KIB;
  /** Upper estimate of what is in use, in bytes: what LMDB said last, and what the commits since then may have taken. */
  #used = Number.POSITIVE_INFINITY;
  /** When a write to the file has succeeded last. */
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
   * Makes room for writes, and checks with a write that the file can be written, unless a commit has just succeeded. Not while a commit is
   * under way.
   *
   * @param use asks LMDB, which takes longer than an estimate that is too high: only when the estimate doesn't fit.
   * @throws the system's error: ENOSPC, EDQUOT, EROFS, EIO, … LMDB has not been asked then.
   */
  async reserve(writes: readonly Write[], use: () => FileUse): Promise<void> {
    let need = bytesFor(writes, this.#pageSize, this.#used);
    if (!this.#fits(need)) {
      const { pageSize, lastPageNumber, pagesOf } = use();
      this.#pageSize = pageSize;
      this.#used = (lastPageNumber + 1) * pageSize;
      need = bytesFor(writes, pageSize, this.#used);
      if (!this.#fits(need)) {
        const ahead = Math.min(MAX_AHEAD, Math.max(MIN_AHEAD, AHEAD_COMMITS * need.taken));
        need = bytesFor(writes, pageSize, this.#used, pagesOf);
        const needed = this.#used + need.taken + need.kept;
        await this.#extend(needed + ahead, needed);
      }
    }
    this.#used += need.taken;
    if (performance.now() - this.#provenAt < PROVEN_MS) return;
    // Beyond what is in use, so it changes nothing.
    await this.#file.write(Buffer.of(0), 0, 1, this.#size - 1);
  }

  /** Called after each commit: while they succeed, one after the other, none needs a write before it. */
  committed(isDurable: boolean): void {
    this.#provenAt = isDurable ? performance.now() : Number.NEGATIVE_INFINITY;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #fits({ taken, kept }: Need): boolean {
    return this.#used + taken + kept <= this.#size;
  }

  /** Less than `wanted` is enough on a full disk, if it is not less than `needed`. */
  async #extend(wanted: number, needed: number): Promise<void> {
    try {
      while (this.#size < wanted) {
        const piece = Buffer.alloc(Math.min(PIECE_BYTES, Math.ceil(wanted) - this.#size));
        const { bytesWritten } = await this.#file.write(piece, 0, piece.length, this.#size);
        this.#size += bytesWritten;
      }
    } catch (error) {
      if (this.#size < needed) throw error;
    }
  }
}

/**
 * What a commit needs in a file of `used` bytes.
 *
 * @param pagesOf pages of a table's tree; without it, each may fill the file.
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
    // Larger values have pages of their own.
    if (bytes > pageSize / 2) large += Math.ceil((bytes + ROW_OVERHEAD) / pageSize);
    else rows += bytes;
  }
  const paths = pagesOf === undefined ? Math.min(writes.length * PATH_PAGES, used / pageSize) : pathPages(writes, pagesOf);
  // Pages that were split are half full.
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
