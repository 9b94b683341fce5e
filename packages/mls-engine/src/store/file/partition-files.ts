import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { closeAll, closeQuietly } from "@parley/core/internal";
import { StoreError } from "../store-error.ts";
import { encodeEntries, FILE_ID_BYTES, type Entry } from "./entries.ts";
import { cutName, endName, logName, rowsName, unfinishedName } from "./file-names.ts";
import type { FileSystem } from "./file-system.ts";
import { LogEnd } from "./log-end.ts";
import { LogFile, type LogFileInit } from "./log-file.ts";
import type { FileKind, StoreKeys } from "./store-keys.ts";

/** Where a partition's files are, and whose. */
export interface PartitionFilesInit {
  readonly files: FileSystem;
  readonly keys: StoreKeys;
  readonly directory: string;
  readonly partition: string;
}

/** Encoded entries for one of the two files: appended to it, or as a new file that replaces it. */
export interface FileWrite {
  readonly entries: Buffer;
  readonly rewrite: boolean;
}

type RowsEntry = Extract<Entry, { type: "rows" }>;

/**
 * The two files of a partition: the log, with the secret rows and the order of all batches, and the public rows.
 *
 * The log states how much of the other file is valid. The public rows are written first, so the single write to the log makes a batch atomic.
 */
export class PartitionFiles {
  readonly #init: PartitionFilesInit;
  readonly #base: string;
  readonly #end: LogEnd;
  #log: LogFile | undefined;
  #rows: LogFile | undefined;
  /** Files of public rows to remove when the log on disk surely refers to another one. */
  readonly #stale = new Set<string>();
  #wasCut = false;

  private constructor(init: PartitionFilesInit) {
    this.#init = init;
    this.#base = init.keys.fileName(init.partition);
    this.#end = new LogEnd(init.files, join(init.directory, endName(this.#base)));
  }

  /**
   * Reads a partition's files, if they exist.
   *
   * @throws StoreError `damaged`, `format_unsupported`
   */
  static async open(init: PartitionFilesInit, onEntry: (entry: Entry, isPublic: boolean) => void): Promise<PartitionFiles> {
    const opened = new PartitionFiles(init);
    try {
      await opened.#read(onEntry);
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** Whether the partition is on disk. */
  get exist(): boolean {
    return this.#log !== undefined;
  }

  /** Whether frames were missing at the end of the log, or a torn one was cut off, since {@link PartitionFiles.acknowledgeCut}. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  async acknowledgeCut(): Promise<void> {
    const { files, directory } = this.#init;
    await files.remove(join(directory, cutName(this.#base)));
    await files.syncDirectory(directory);
    this.#wasCut = false;
  }

  /** Bytes of the log. */
  get logBytes(): number {
    return this.#log?.length ?? 0;
  }

  /** Bytes of the file of public rows. */
  get rowsBytes(): number {
    return this.#rows?.length ?? 0;
  }

  /** Name of the file of public rows. */
  get rowsName(): string | undefined {
    return this.#rows && rowsName(this.#base, this.#rows.id);
  }

  /**
   * Writes to both files atomically. The write is durable when the promise resolves. If it rejects, call {@link PartitionFiles.abandon}; the next
   * write creates new files.
   */
  async write(log: FileWrite, rows: FileWrite | undefined): Promise<void> {
    if (this.#rows !== undefined) this.#stale.add(this.#rows.path);
    const replaced = new Set([this.#log, this.#rows]);
    try {
      if (rows !== undefined) await this.#writeRows(rows);
      const pointer = encodeEntries(rows !== undefined || log.rewrite ? this.#pointer() : []);
      if (log.rewrite || this.#log === undefined) await this.#replaceLog(pointer, log.entries);
      else {
        await this.#log.append(pointer, log.entries);
        await this.#log.sync();
      }
    } finally {
      replaced.delete(this.#log);
      replaced.delete(this.#rows);
      // The entries contain secrets, whether they were written or not.
      log.entries.fill(0);
      await closeAll(...Array.from(replaced, (file) => () => file?.close()));
    }
    if (this.#log !== undefined) await this.#end.note(this.#log);
    await this.#removeStale();
  }

  /** Closes the files after a failed write: it is unknown how much of it is on disk. */
  abandon(): Promise<void> {
    if (this.#rows !== undefined) this.#stale.add(this.#rows.path);
    return this.close();
  }

  async close(): Promise<void> {
    const open = [this.#log, this.#rows];
    this.#log = undefined;
    this.#rows = undefined;
    await closeAll(...open.map((file) => () => file?.close()), () => this.#end.close());
  }

  async #removeStale(): Promise<void> {
    if (this.#rows !== undefined) this.#stale.delete(this.#rows.path);
    for (const path of this.#stale) {
      await this.#init.files.remove(path);
      this.#stale.delete(path);
    }
  }

  async #read(onEntry: (entry: Entry, isPublic: boolean) => void): Promise<void> {
    let pointer: RowsEntry | undefined;
    const takeEntry = (entry: Entry): void => {
      if (entry.type === "rows") pointer = { ...entry, id: new Uint8Array(entry.id) };
      else onEntry(entry, false);
    };
    const log = this.#file("log", logName(this.#base));
    this.#log = await LogFile.open(log, takeEntry, undefined, () => this.#markCut(), await this.#end.read());
    if (this.#log === undefined) return;
    this.#wasCut ||= (await this.#init.files.read(join(this.#init.directory, cutName(this.#base)), 1)) !== undefined;
    if (pointer === undefined) return;
    const rows = this.#file("rows", rowsName(this.#base, pointer.id));
    this.#rows = await LogFile.open(rows, (entry) => onEntry(entry, true), pointer);
    if (this.#rows === undefined) throw new StoreError("damaged", "A file of the store is missing");
  }

  /** Creates the file that records the cut until it is acknowledged, also across crashes. */
  async #markCut(): Promise<void> {
    const { files, directory } = this.#init;
    const file = await files.create(join(directory, cutName(this.#base)));
    await file.close();
    await files.syncDirectory(directory);
    this.#wasCut = true;
  }

  async #writeRows({ entries, rewrite }: FileWrite): Promise<void> {
    if (!rewrite && this.#rows !== undefined) {
      await this.#rows.append(entries);
      await this.#rows.sync();
      return;
    }
    const id = new Uint8Array(randomBytes(FILE_ID_BYTES));
    const file = this.#file("rows", rowsName(this.#base, id));
    try {
      this.#rows = await LogFile.create(file, id);
      await this.#rows.append(entries);
      await this.#rows.sync();
      await this.#init.files.syncDirectory(this.#init.directory);
    } catch (error) {
      // No log refers to it yet. On a full disk, its space is needed.
      await closeQuietly(() => this.#init.files.remove(file.path));
      throw error;
    }
  }

  async #replaceLog(...entries: readonly Buffer[]): Promise<void> {
    const { files, directory } = this.#init;
    const path = join(directory, logName(this.#base));
    const unfinished = unfinishedName(path);
    this.#log = await LogFile.create({ ...this.#file("log", logName(this.#base)), path: unfinished });
    await this.#log.append(...entries);
    await this.#log.sync();
    await files.rename(unfinished, path);
    await files.syncDirectory(directory);
  }

  #pointer(): RowsEntry[] {
    return this.#rows === undefined ? [] : [{ type: "rows", id: this.#rows.id, length: this.#rows.length }];
  }

  #file(kind: FileKind, name: string): LogFileInit {
    const { files, keys, directory, partition } = this.#init;
    return { files, keys, kind, partition, base: this.#base, path: join(directory, name) };
  }
}
