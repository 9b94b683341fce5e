import { chmod, mkdir, open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { LockError, lockDirectory, type DirectoryLock } from "@parley/directory-lock";
import { open, type Database, type RootDatabase } from "lmdb";
import { StorageError } from "./storage-error.ts";
import { WriteQueue, type Table, type Write } from "./write-queue.ts";

/** What a data directory holds. */
export interface StorageOptions {
  /** Names the file in the directory: `<name>.mdb`. Letters, digits and hyphens. */
  readonly name: string;
  /** Version of what the tables hold. A directory of another version is refused. */
  readonly schema: number;
}

type Lmdb = Database<Buffer, Uint8Array>;

/** What stores need of a server's durable storage. */
export interface Environment {
  /** Directory that holds it. */
  readonly directory: string;
  /** Every write goes through here. */
  readonly writes: WriteQueue;
  /** Opens a table, creating it when absent. Open all tables before the first write. */
  table(name: string): Table;
}

/**
 * A server's data directory, open: one LMDB environment, locked against every other server. A write that has resolved has been flushed
 * to disk.
 */
export class StorageEnvironment implements Environment, AsyncDisposable {
  readonly directory: string;
  readonly writes: WriteQueue;
  readonly #root: RootDatabase<Buffer, Uint8Array>;
  readonly #lock: DirectoryLock;
  #closing: Promise<void> | undefined;

  private constructor(directory: string, root: RootDatabase<Buffer, Uint8Array>, lock: DirectoryLock) {
    this.directory = directory;
    this.#root = root;
    this.#lock = lock;
    this.writes = new WriteQueue((writes) => commit(root, writes));
  }

  /**
   * Opens a data directory. A missing one is created, readable by its owner only.
   *
   * @throws StorageError `data_dir_locked` (another server has it open), `data_dir_unusable` (not writable, damaged, or written by a
   *   version that stores things otherwise); TypeError when the name is not fit for a file.
   */
  static async open(directory: string, { name, schema }: StorageOptions): Promise<StorageEnvironment> {
    if (!/^[a-z0-9-]{1,64}$/i.test(name)) throw new TypeError(`${name} can't name a file: letters, digits and hyphens only`);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new StorageError("data_dir_unusable", `${directory} can't be created`, { cause: error });
    }
    const lock = await lockDirectory(directory).catch((error: unknown) => {
      throw lockFailure(directory, error);
    });
    try {
      const environment = new StorageEnvironment(directory, await openRoot(join(directory, `${name}.mdb`)), lock);
      await environment.#checkSchema(String(schema));
      return environment;
    } catch (error) {
      await lock.release();
      if (error instanceof StorageError) throw error;
      throw new StorageError("data_dir_unusable", `${directory} can't be opened`, { cause: error });
    }
  }

  table(name: string): Table {
    return this.#root.openDB<Buffer, Uint8Array>({ name, encoding: "binary", keyEncoding: "binary" });
  }

  /** Commits what is queued, closes the files and frees the directory. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.writes.close();
    await this.#root.close();
    await this.#lock.release();
  }

  async #checkSchema(known: string): Promise<void> {
    const meta = this.table("meta");
    const key = Buffer.from("schema");
    const found = meta.get(key);
    if (found === undefined) {
      this.writes.put(meta, key, Buffer.from(known));
      await this.writes.flush();
      return;
    }
    const version = Buffer.from(found).toString("latin1");
    if (version !== known) {
      await this.#root.close();
      throw new StorageError("data_dir_unusable", `${this.directory} has version ${version}; this program knows version ${known}`);
    }
  }
}

function lockFailure(directory: string, error: unknown): StorageError {
  return error instanceof LockError && error.code === "locked"
    ? new StorageError("data_dir_locked", "Another server has this data directory open", { cause: error })
    : new StorageError("data_dir_unusable", `${directory} can't be locked`, { cause: error });
}

async function openRoot(path: string): Promise<RootDatabase<Buffer, Uint8Array>> {
  await checkFile(path);
  const root = open<Buffer, Uint8Array>({
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
  await chmod(`${path}-lock`, 0o600);
  return root;
}

/** Where LMDB's first page says that it is one. */
const MAGIC_AT = 24;
const LMDB_MAGIC = 0xbeefc0de;

/** Creates the file with its mode, and refuses one that isn't LMDB's: opening such a file would crash the process. */
async function checkFile(path: string): Promise<void> {
  const file = await openFile(path, "a+", 0o600);
  try {
    const { size } = await file.stat();
    if (size === 0) return;
    const magic = Buffer.alloc(4);
    await file.read(magic, 0, magic.length, MAGIC_AT);
    if (magic.readUInt32LE(0) !== LMDB_MAGIC) throw new StorageError("data_dir_unusable", `${path} is damaged`);
  } finally {
    await file.close();
  }
}

async function commit(root: RootDatabase<Buffer, Uint8Array>, writes: readonly Write[]): Promise<void> {
  try {
    await root.batch(() => {
      for (const { table, key, value } of writes) {
        const lmdb = table as Lmdb;
        if (value === undefined) void lmdb.remove(key);
        else void lmdb.put(key, value as Buffer);
      }
    });
  } catch (error) {
    throw await reasonOf(error);
  }
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
