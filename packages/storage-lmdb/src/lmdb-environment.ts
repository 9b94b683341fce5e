import { readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { closeAll, closeQuietly, isPassingSystemError, systemReason } from "@parley/core/internal";
import { type DamagedRecord, type Environment, isRecordDamaged, StorageError, type Table, type Write, WriteQueue } from "@parley/storage";
import { checkDirectoryKind, createDirectory, LockError, lockDirectory, type DirectoryLock } from "@parley/storage/directory-lock";
import type { RecordFormat } from "./checksum.ts";
import { probeDisk } from "./disk.ts";
import { LmdbFile } from "./lmdb-file.ts";

/** Options of {@link LmdbEnvironment.open}. */
export interface LmdbOptions {
  /** Name of the file in the directory, without `.mdb`. Letters, digits and hyphens. */
  readonly name: string;
  /** Version of the content of the tables. A directory of another version is rejected. */
  readonly schema: number;
  /** Versions that this program reads too. Opening such a directory makes it one of `schema`, which earlier programs reject. Default: none. */
  readonly earlierSchemas?: readonly number[];
}

/** Result of {@link LmdbEnvironment.checkWrites}: writes succeed, or the reason why they fail. */
export type WriteCheck = { readonly ok: true } | { readonly ok: false; readonly error: StorageError };

/** Suffix of the stored version, by record format. */
const FORMATS: Readonly<Record<RecordFormat, string>> = { checked: "+crc32", mixed: "+crc32-mixed" };
/** Name of the file that a probe writes and removes. */
const PROBE = "write-probe";
/** How long a successful probe is cached, in milliseconds. */
const PROBE_MS = 1000;

/**
 * A server's open data directory: one LMDB environment, locked for this process. A resolved write has been flushed to disk. After a failed write,
 * later writes succeed as soon as the disk accepts them.
 */
export class LmdbEnvironment implements Environment, AsyncDisposable {
  readonly directory: string;
  readonly writes: WriteQueue;
  readonly #file: LmdbFile;
  readonly #lock: DirectoryLock;
  /** The error of the last write; `undefined` if it succeeded. */
  #failure: StorageError | undefined;
  #probing: Promise<WriteCheck> | undefined;
  #probedAt = Number.NEGATIVE_INFINITY;
  #closing: Promise<void> | undefined;

  private constructor(directory: string, file: LmdbFile, lock: DirectoryLock) {
    this.directory = directory;
    this.#file = file;
    this.#lock = lock;
    this.writes = new WriteQueue((writes) => this.#commit(writes));
  }

  /**
   * Opens a data directory. A missing one is created with mode 0700.
   *
   * @throws StorageError `data_dir_locked` (another server has it open), `data_dir_unusable` (not writable, damaged, or of another version),
   *   `storage_failed` (the disk is full or failing); TypeError for an invalid name.
   */
  static async open(path: string, { name, schema, earlierSchemas = [] }: LmdbOptions): Promise<LmdbEnvironment> {
    if (!/^[a-z0-9-]{1,64}$/i.test(name)) throw new TypeError(`Invalid name ${name}: use letters, digits and hyphens only`);
    const directory = resolve(path);
    const lock = await attempt(directory, async () => {
      await createDirectory(directory);
      return lockDirectory(directory);
    });
    let file: LmdbFile | undefined;
    try {
      return await attempt(directory, async () => {
        checkDirectoryKind(directory, await readdir(directory), `${name}.mdb`);
        await rm(join(directory, PROBE), { force: true });
        file = await LmdbFile.open(join(directory, `${name}.mdb`), () => probeDisk(join(directory, PROBE)));
        const environment = new LmdbEnvironment(directory, file, lock);
        await environment.#adoptSchema(String(schema), earlierSchemas.map(String));
        return environment;
      });
    } catch (error) {
      await closeQuietly(
        () => file?.close(),
        () => lock.release(),
      );
      throw error;
    }
  }

  table(name: string): Table {
    return this.#file.table(name);
  }

  /** Registers a listener that is called once for each damaged record that a read finds. */
  onDamaged(listener: (record: DamagedRecord) => void): void {
    this.#file.onDamaged(listener);
  }

  /**
   * Checks whether writes succeed. Probes with a small file, and after a failed write with another write. A success is cached for a second, so
   * that health checks can call this often.
   */
  checkWrites(): Promise<WriteCheck> {
    if (this.#failure === undefined && performance.now() - this.#probedAt < PROBE_MS) return Promise.resolve({ ok: true });
    this.#probing ??= this.#probe().finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  /**
   * Copies the data of one moment to a new file (mode 0600): every write that has resolved is in it, and a commit is in it as a whole or not
   * at all. The server reads and writes meanwhile.
   *
   * @throws StorageError `storage_failed`
   */
  async copy(path: string): Promise<void> {
    try {
      await this.writes.flush();
      await this.#file.copy(path);
    } catch (error) {
      throw error instanceof StorageError
        ? error
        : new StorageError("storage_failed", `${path} cannot be written: ${systemReason(error)}`, { cause: error });
    }
  }

  /** Commits queued writes, closes the files and releases the directory, even if a step fails. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= closeAll(
      () => this.writes.close(),
      () => this.#probing,
      () => this.#file.close(),
      () => this.#lock.release(),
    );
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #probe(): Promise<WriteCheck> {
    try {
      await probeDisk(join(this.directory, PROBE));
      if (this.#failure !== undefined) {
        this.writes.put(this.table("meta"), Buffer.from("probe"), Buffer.from(String(Date.now())));
        await this.writes.flush();
      }
      this.#probedAt = performance.now();
      return { ok: true };
    } catch (error) {
      return { ok: false, error: this.#failed(error) };
    }
  }

  async #commit(writes: readonly Write[]): Promise<void> {
    try {
      await this.#file.commit(writes);
      this.#failure = undefined;
    } catch (error) {
      this.#failure = this.#failed(error);
      throw this.#failure;
    }
  }

  #failed(error: unknown): StorageError {
    if (error instanceof StorageError) return error;
    return new StorageError("storage_failed", `A write failed: ${systemReason(error)}, ${this.directory}`, { cause: error });
  }

  /**
   * Rejects a directory of an unknown version, and writes the current version to one of an earlier version. The stored version has the record
   * format as its suffix. Programs from before that suffix don't know it and reject the directory.
   */
  async #adoptSchema(known: string, earlier: readonly string[]): Promise<void> {
    const meta = this.table("meta");
    const key = Buffer.from("schema");
    // Records without checksums are accepted until the stored version has been read.
    let found: Uint8Array | undefined;
    let version = `${known}${FORMATS.checked}`;
    try {
      found = meta.get(key);
      if (found !== undefined) version = Buffer.from(found).toString("latin1");
    } catch (error) {
      if (!isRecordDamaged(error)) throw error;
      version = `${known}${FORMATS.mixed}`;
    }
    const accepted = [known, ...earlier].flatMap((schema) => [schema, schema + FORMATS.mixed, schema + FORMATS.checked]);
    if (!accepted.includes(version)) {
      throw new StorageError("data_dir_unusable", `${this.directory} has version ${version}; this program knows version ${known}`);
    }
    this.#file.format = version.endsWith(FORMATS.checked) ? "checked" : "mixed";
    const current = known + FORMATS[this.#file.format];
    if (found !== undefined && version === current) return;
    this.writes.put(meta, key, Buffer.from(current));
    await this.writes.flush();
  }
}

/** Converts errors of opening a directory to a StorageError that names the directory and the reason. */
async function attempt<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StorageError) throw error;
    if (error instanceof LockError && error.code === "locked") {
      const message = `Another server has this data directory open: ${error.message}. Stop it first, or use another directory`;
      throw new StorageError("data_dir_locked", message, { cause: error });
    }
    const code = isPassingSystemError(error) ? "storage_failed" : "data_dir_unusable";
    const message = error instanceof LockError ? error.message : `${directory} cannot be opened: ${systemReason(error)}`;
    throw new StorageError(code, message, { cause: error });
  }
}
