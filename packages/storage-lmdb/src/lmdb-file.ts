import { open as openFile } from "node:fs/promises";
import { closeAll, closeQuietly } from "@parley/core/internal";
import { checkRegularFile } from "@parley/storage/directory-lock";
import { type DamagedRecord, StorageError, type Table, type Write, type WriteBatch } from "@parley/storage";
import { open, type Database, type RootDatabase } from "lmdb";
import { readChecked, type RecordFormat, tableSeed, TRAILER_BYTES, writeChecked } from "./checksum.ts";
import { DamagedRecords } from "./damaged-records.ts";
import { allocateLockFile, probeDisk, systemErrorOf } from "./disk.ts";
import { checkPages } from "./file-check/check-pages.ts";
import { checkMetaPages } from "./file-check/meta-pages.ts";
import { type FileUse, ReservedSpace } from "./reserved-space.ts";

type Root = RootDatabase<Buffer, Uint8Array>;
type Lmdb = Database<Buffer, Uint8Array>;

/** Statistics of a tree, which LMDB's own types do not declare. */
interface TreeStats {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
}

/** Free bytes that a new database needs: LMDB maps its first pages before it writes them. */
const MIN_FREE_BYTES = 256 * 1024;
/** Largest number of leaf pages that a start checks: 1 GiB. */
const MAX_READS = 256 * 1024;
/** Largest buffer that is kept from one commit to the next. */
const MAX_KEPT_BYTES = 1024 * 1024;
/** The table of damaged records that were set aside, keyed by table and key. */
const DAMAGED = "damaged";

/**
 * One LMDB file. Errors of commits have the system's code. If a failed write of a meta page leaves LMDB's environment unusable, the environment
 * is closed, and the next access opens a new one with the committed state.
 */
export class LmdbFile {
  readonly #path: string;
  readonly #probe: () => Promise<void>;
  readonly #tables = new Map<string, Lmdb>();
  readonly #space: ReservedSpace;
  readonly #damaged = new DamagedRecords();
  /** The record format that reads accept. */
  format: RecordFormat = "mixed";
  #root: Root | undefined;
  /** See {@link LmdbFile.#recordBytes}. */
  #records: Buffer | undefined;
  #isClosing = false;

  private constructor(path: string, root: Root, space: ReservedSpace, probe: () => Promise<void>) {
    this.#path = path;
    this.#root = root;
    this.#space = space;
    this.#probe = probe;
  }

  /**
   * Opens a file, and creates it if it does not exist.
   *
   * @param probe rejects if the disk does not accept writes.
   * @throws StorageError `data_dir_unusable` (not an LMDB file, or damaged); errors of the system and of LMDB
   */
  static async open(path: string, probe: () => Promise<void>): Promise<LmdbFile> {
    await checkRegularFile(path);
    await checkRegularFile(`${path}-lock`);
    const isNew = await checkFile(path);
    if (isNew) await probeDisk(`${path}-probe`, MIN_FREE_BYTES);
    await allocateLockFile(`${path}-lock`);
    const root = openRoot(path);
    try {
      const file = new LmdbFile(path, root, await ReservedSpace.open(path), probe);
      // Space for creating the tables. A server whose tables exist can start on a full disk.
      await file.#reserve([]).catch((error: unknown) => {
        if (isNew) throw error;
      });
      return file;
    } catch (error) {
      await closeQuietly(() => root.close());
      throw error;
    }
  }

  /** Opens a table, and creates it if it does not exist. */
  table(name: string): Table {
    this.#lmdb(DAMAGED);
    this.#lmdb(name);
    const seed = tableSeed(name);
    return new LmdbTable(() => this.#lmdb(name), {
      name,
      seed,
      check: (key, record) => readChecked(seed, key, record, this.format),
      onDamaged: (key, record) => this.#damaged.add({ table: name, key: Uint8Array.from(key), bytes: record.length }),
      aside: () => this.table(DAMAGED),
    });
  }

  /** Registers a listener that is called once for each damaged record that a read finds. */
  onDamaged(listener: (record: DamagedRecord) => void): void {
    this.#damaged.onAdded(listener);
  }

  /** Commits writes atomically and flushes them. Must not be called concurrently. @throws the system's error, or LMDB's */
  async commit(plain: readonly Write[]): Promise<void> {
    const writes = withChecksums(plain, (bytes) => this.#recordBytes(bytes));
    await this.#reserve(writes);
    try {
      await this.#opened().batch(() => {
        for (const { table, key, value } of writes) {
          const { lmdb } = table as LmdbTable;
          if (value === undefined) void lmdb.remove(key);
          else void lmdb.put(key, value as Buffer);
        }
      });
      this.#space.committed(true);
    } catch (error) {
      this.#space.committed(false);
      this.#records = undefined;
      const reason = await reasonOf(error);
      if (!this.#isUsable()) await this.#closeRoot();
      throw await systemErrorOf(reason, this.#probe);
    }
  }

  /**
   * Copies the committed state of one moment to a new file, page by page, while the server reads and writes. LMDB's compacting copy is not used:
   * it leaves meta pages that do not alternate.
   *
   * @throws the system's error, or LMDB's
   */
  async copy(path: string): Promise<void> {
    await this.#opened().backup(path, false);
    await using file = await openFile(path, "r+");
    await file.chmod(0o600);
    await file.sync();
  }

  close(): Promise<void> {
    return closeAll(
      () => this.#closeRoot(),
      () => this.#space.close(),
    );
  }

  /** A buffer for the records of a commit. LMDB reads it until the commit is done; then the next one uses it. */
  #recordBytes(length: number): Buffer {
    if (length > MAX_KEPT_BYTES) return Buffer.allocUnsafe(length);
    if (this.#records === undefined || this.#records.length < length)
      this.#records = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length)));
    return this.#records;
  }

  #reserve(writes: readonly Write[]): Promise<void> {
    return this.#space.reserve(writes, () => ({
      ...(this.#opened().getStats() as Pick<FileUse, "pageSize" | "lastPageNumber">),
      pagesOf: (table) => {
        const { treeBranchPageCount: branches, treeLeafPageCount: leaves } = (table as LmdbTable).lmdb.getStats() as TreeStats;
        return branches + leaves;
      },
    }));
  }

  async #closeRoot(): Promise<void> {
    const root = this.#root;
    this.#root = undefined;
    this.#tables.clear();
    this.#isClosing = true;
    try {
      await root?.close();
    } finally {
      this.#isClosing = false;
    }
  }

  /** Whether LMDB still accepts transactions. */
  #isUsable(): boolean {
    try {
      for (const table of this.#tables.values()) table.get(Buffer.of(0));
      return true;
    } catch {
      return false;
    }
  }

  #opened(): Root {
    if (this.#isClosing) throw new StorageError("storage_failed", `${this.#path} is being opened again after a failed write`);
    this.#root ??= openRoot(this.#path);
    return this.#root;
  }

  #lmdb(name: string): Lmdb {
    const open = this.#tables.get(name);
    if (open !== undefined) return open;
    const table = this.#opened().openDB<Buffer, Uint8Array>({ name, encoding: "binary", keyEncoding: "binary" });
    this.#tables.set(name, table);
    return table;
  }
}

/** The functions of a file that a table uses. */
interface TableParts {
  readonly name: string;
  readonly seed: number;
  /** Returns the record without its checksum; `undefined` if it is damaged. */
  check(key: Uint8Array, record: Uint8Array): Uint8Array | undefined;
  onDamaged(key: Uint8Array, record: Uint8Array): void;
  /** The table of damaged records. */
  aside(): Table;
}

/** A table that stays valid when the file's LMDB environment is reopened. */
class LmdbTable implements Table {
  readonly #find: () => Lmdb;
  readonly #parts: TableParts;

  constructor(find: () => Lmdb, parts: TableParts) {
    this.#find = find;
    this.#parts = parts;
  }

  get lmdb(): Lmdb {
    return this.#find();
  }

  get seed(): number {
    return this.#parts.seed;
  }

  get size(): number {
    return (this.lmdb.getStats() as { entryCount: number }).entryCount;
  }

  has(key: Uint8Array): boolean {
    return this.lmdb.get(key) !== undefined;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const record = this.lmdb.get(key);
    if (record === undefined) return undefined;
    const value = this.#parts.check(key, record);
    if (value !== undefined) return value;
    this.#parts.onDamaged(key, record);
    throw new StorageError("record_damaged", `A record of ${this.#parts.name} is damaged: its checksum does not match`);
  }

  *getRange({
    onDamaged,
    limit = Number.POSITIVE_INFINITY,
    ...range
  }: Parameters<Table["getRange"]>[0]): Generator<{ key: Uint8Array; value: Uint8Array }> {
    let count = 0;
    if (limit <= 0) return;
    for (const { key, value: record } of this.lmdb.getRange(range)) {
      const value = this.#parts.check(key, record);
      if (value !== undefined) {
        yield { key, value };
        if (++count >= limit) return;
        continue;
      }
      this.#parts.onDamaged(key, record);
      onDamaged?.(key);
    }
  }

  getKeys(options: Parameters<Table["getKeys"]>[0]): ReturnType<Table["getKeys"]> {
    return this.lmdb.getKeys(options);
  }

  setAside(writes: WriteBatch, key: Uint8Array): Uint8Array | undefined {
    const found = this.lmdb.get(key);
    if (found === undefined) return undefined;
    const record = Uint8Array.from(found);
    const { name, aside, onDamaged } = this.#parts;
    onDamaged(key, record);
    writes.put(aside(), Buffer.concat([Buffer.from(`${name}\0`), key]), record);
    writes.remove(this, Uint8Array.from(key));
    return record;
  }
}

/** Returns the writes with checksums appended to the values. All records share one buffer, because many allocations take longer. */
function withChecksums(writes: readonly Write[], allocate: (length: number) => Buffer): readonly Write[] {
  let bytes = 0;
  for (const { value } of writes) if (value !== undefined) bytes += value.length + TRAILER_BYTES;
  const records = allocate(bytes);
  let at = 0;
  return writes.map((write) => {
    const { table, key, value } = write;
    if (value === undefined) return write;
    const record = records.subarray(at, (at += value.length + TRAILER_BYTES));
    writeChecked(record, (table as LmdbTable).seed, key, value);
    return { table, key, value: record };
  });
}

function openRoot(path: string): Root {
  return open<Buffer, Uint8Array>({
    path,
    noSubdir: true,
    maxDbs: 32,
    // A write must be durable when it resolves.
    overlappingSync: false,
    // The write queue creates batches. LMDB's own batching leaves a rejected promise unhandled when a commit fails.
    eventTurnBatching: false,
    encoding: "binary",
    keyEncoding: "binary",
  });
}

/** Creates the file with its mode, and rejects a file on which LMDB would crash. Returns whether the file is new. */
async function checkFile(path: string): Promise<boolean> {
  await using file = await openFile(path, "a+", 0o600);
  const { size } = await file.stat();
  if (size > 0) await checkPages(file, path, await checkMetaPages(file, path), MAX_READS);
  return size === 0;
}

/** LMDB rejects with a general error; its member `commitError` is a promise that rejects with the actual one. */
async function reasonOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
