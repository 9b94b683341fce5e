import { open, type FileHandle } from "node:fs/promises";
import type { Table, Write } from "./write-queue.ts";

const KIB = 1024;
/** Pages that any commit may take besides its rows: the tree of tables, the list of free pages, and the roots. */
const BASE_PAGES = 16;
/** Pages that only commits which remove rows may take, so that a full disk can be emptied. */
const KEPT_PAGES = 32;
/** Pages from a root to a leaf: as many may be written for one row. */
const PATH_PAGES = 4;
/** Bytes around a row in its page. */
const ROW_OVERHEAD = 32;
/** Room that is made beyond what a commit may take: a sixteenth of the file, within these bounds. */
const MIN_AHEAD = 128 * KIB;
const MAX_AHEAD = 1024 * KIB;
const PIECE_BYTES = 64 * KIB;

/** How much of an LMDB file is in use. */
export interface FileUse {
  readonly pageSize: number;
  /** Number of the last page that is in use. */
  readonly lastPageNumber: number;
  /** Pages of a table's tree. */
  pagesOf(table: Table): number;
}

/**
 * Room at the end of an LMDB file that is on disk before LMDB writes there. Without it, LMDB would find the disk full in the middle of a
 * commit: it says "Input/output error" then, or overruns a buffer of its own (lmdb 3.5, in the text about the failed write), which ends the
 * process.
 */
export class ReservedSpace {
  readonly #file: FileHandle;
  #size: number;

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  static async open(path: string): Promise<ReservedSpace> {
    const file = await open(path, "r+");
    return new ReservedSpace(file, (await file.stat()).size);
  }

  /**
   * Makes room for writes, and checks that the file can be written at all. Not while a commit is under way.
   *
   * @throws the system's error: ENOSPC, EDQUOT, EROFS, EIO, … LMDB has not been asked then.
   */
  async reserve(writes: readonly Write[], use: FileUse): Promise<void> {
    const used = (use.lastPageNumber + 1) * use.pageSize;
    // Looking at the tables takes longer than a guess that is too high.
    const guess = used + bytesFor(writes, use.pageSize, () => Number.POSITIVE_INFINITY);
    const needed = guess <= this.#size ? guess : used + bytesFor(writes, use.pageSize, use.pagesOf);
    if (needed <= this.#size) {
      // Beyond what is in use, so it changes nothing.
      await this.#file.write(Buffer.of(0), 0, 1, this.#size - 1);
      return;
    }
    try {
      await this.#extend(needed + Math.min(MAX_AHEAD, Math.max(MIN_AHEAD, used / 16)));
    } catch (error) {
      if (this.#size < needed) throw error;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #extend(size: number): Promise<void> {
    while (this.#size < size) {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, Math.ceil(size) - this.#size));
      const { bytesWritten } = await this.#file.write(piece, 0, piece.length, this.#size);
      this.#size += bytesWritten;
    }
  }
}

/** An upper estimate of what a commit adds to the file, and what must be left after it. */
function bytesFor(writes: readonly Write[], pageSize: number, pagesOf: FileUse["pagesOf"]): number {
  const tables = new Map<Table, number>();
  let rows = 0;
  let large = 0;
  for (const { table, key, value } of writes) {
    tables.set(table, (tables.get(table) ?? 0) + 1);
    if (value === undefined) continue;
    const bytes = key.length + value.length + ROW_OVERHEAD;
    // Larger values have pages of their own.
    if (bytes > pageSize / 2) large += Math.ceil((bytes + ROW_OVERHEAD) / pageSize);
    else rows += bytes;
  }
  let pages = BASE_PAGES + large;
  for (const [table, count] of tables) pages += Math.min(count * PATH_PAGES, pagesOf(table) + 1);
  const removes = writes.some(({ value }) => value === undefined) && large === 0 && rows <= pageSize;
  // Pages that were split are half full.
  return (removes ? pages : pages + KEPT_PAGES) * pageSize + 2 * rows;
}
