import { open as openFile } from "node:fs/promises";
import { closeAll, closeQuietly } from "@parley/core/internal";
import { type DamagedRecord, StorageError, type Table, type Write, type WriteQueue } from "@parley/storage";
import { open, type Database, type RootDatabase } from "lmdb";
import { readChecked, type RecordFormat, tableSeed, TRAILER_BYTES, writeChecked } from "./checksum.ts";
import { DamagedRecords } from "./damaged-records.ts";
import { allocateLockFile, probeDisk, systemErrorOf } from "./disk.ts";
import { checkPages } from "./file-check/check-pages.ts";
import { checkMetaPages } from "./file-check/meta-pages.ts";
import { type FileUse, ReservedSpace } from "./reserved-space.ts";

type Root = RootDatabase<Buffer, Uint8Array>;
type Lmdb = Database<Buffer, Uint8Array>;

/** LMDB's own types leave open what is in its statistics. */
interface TreeStats {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
}

/** Free bytes that a new database needs: LMDB maps its first pages before it writes them. */
const MIN_FREE_BYTES = 256 * 1024;
/** Leaves that a start checks at most: a GiB of them. */
const MAX_READS = 256 * 1024;
/** Holds damaged records that were set aside, by table and key. */
const DAMAGED = "damaged";

/**
 * One LMDB file. Errors of its commits carry the system's code. A failure that leaves LMDB's environment unusable (the page that starts it
 * could not be written) closes that environment, and the next access opens another one: it shows what was committed.
 */
export class LmdbFile {
  readonly #path: string;
  readonly #probe: () => Promise<void>;
  readonly #tables = new Map<string, Lmdb>();
  readonly #space: ReservedSpace;
  readonly #damaged = new DamagedRecords();
  /** Which records reads accept. */
  format: RecordFormat = "mixed";
  #root: Root | undefined;
  #isClosing = false;

  private constructor(path: string, root: Root, space: ReservedSpace, probe: () => Promise<void>) {
    this.#path = path;
    this.#root = root;
    this.#space = space;
    this.#probe = probe;
  }

  /**
   * Opens a file, creating it when absent.
   *
   * @param probe rejects when the disk takes no writes.
   * @throws StorageError `data_dir_unusable` (it isn't LMDB's); errors of system and LMDB
   */
  static async open(path: string, probe: () => Promise<void>): Promise<LmdbFile> {
    const isNew = await checkFile(path);
    if (isNew) await probeDisk(`${path}-probe`, MIN_FREE_BYTES);
    await allocateLockFile(`${path}-lock`);
    const root = openRoot(path);
    try {
      const file = new LmdbFile(path, root, await ReservedSpace.open(path), probe);
      // For the tables that are created now. A full disk keeps no server from starting that has all of them.
      await file.#reserve([]).catch((error: unknown) => {
        if (isNew) throw error;
      });
      return file;
    } catch (error) {
      await closeQuietly(() => root.close());
      throw error;
    }
  }

  /** Opens a table, creating it when absent. */
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

  /** Calls the listener for each damaged record that a read comes across, once. */
  onDamaged(listener: (record: DamagedRecord) => void): void {
    this.#damaged.onAdded(listener);
  }

  /** Commits writes, all or none, and flushes them. One commit at a time. @throws the system's error, or LMDB's */
  async commit(plain: readonly Write[]): Promise<void> {
    const writes = withChecksums(plain);
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
      const reason = await reasonOf(error);
      if (!this.#isUsable()) await this.#closeRoot();
      throw await systemErrorOf(reason, this.#probe);
    }
  }

  close(): Promise<void> {
    return closeAll(
      () => this.#closeRoot(),
      () => this.#space.close(),
    );
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

  /** Whether LMDB still takes transactions. */
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

/** What a table needs of its file. */
interface TableParts {
  readonly name: string;
  readonly seed: number;
  /** The record without its checksum; `undefined` when it is damaged. */
  check(key: Uint8Array, record: Uint8Array): Uint8Array | undefined;
  onDamaged(key: Uint8Array, record: Uint8Array): void;
  /** The table of damaged records. */
  aside(): Table;
}

/** A table that outlives the environment that it was opened in. */
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

  setAside(writes: WriteQueue, key: Uint8Array): Uint8Array | undefined {
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

/** The writes with checksums after their values. All of these are in one piece of memory: allocating many takes longer. */
function withChecksums(writes: readonly Write[]): readonly Write[] {
  let bytes = 0;
  for (const { value } of writes) if (value !== undefined) bytes += value.length + TRAILER_BYTES;
  const records = Buffer.allocUnsafe(bytes);
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
    // A resolved write is a durable one.
    overlappingSync: false,
    // The write queue makes the batches. LMDB's own batches leave a promise of theirs unhandled when a commit fails.
    eventTurnBatching: false,
    encoding: "binary",
    keyEncoding: "binary",
  });
}

/** Creates the file with its mode, and refuses one that LMDB would crash on. Whether it is new. */
async function checkFile(path: string): Promise<boolean> {
  await using file = await openFile(path, "a+", 0o600);
  const { size } = await file.stat();
  if (size > 0) await checkPages(file, path, await checkMetaPages(file, path), MAX_READS);
  return size === 0;
}

/** LMDB rejects with a general error that carries the real one as a rejecting promise. */
async function reasonOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
