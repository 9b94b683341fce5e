import { closeAll, closeQuietly } from "@parley/core/internal";
import { type DamagedRecord, type Environment, SteadyClock } from "@parley/storage";
import type { LmdbEnvironment, LmdbOptions, WriteCheck } from "@parley/storage-lmdb";

/** Options of {@link ServerStorage.open}. */
export interface ServerStorageOptions {
  /** The data directory. Absent: the server stores its data in memory. */
  readonly dataDir?: string | undefined;
  /** Name and version of the schema of the directory. */
  readonly schema: LmdbOptions;
  /** Trusts the clock however far it is ahead of the last run. Default `false`. */
  readonly acceptClock?: boolean | undefined;
  /** Called when the wall clock has jumped ahead by this many milliseconds, possibly since the last start. */
  readonly onJump?: (aheadMs: number) => void;
}

/** The storage of a server: its locked data directory or memory, and the clock for expiry. The stores of the server are opened in it. */
export class ServerStorage {
  /** The environment of the data directory; `undefined` for a server in memory. */
  readonly environment: Environment | undefined;
  /** The absolute path of the data directory. */
  readonly directory: string | undefined;
  /** The time by which records expire. Its readings are stored for the next start. */
  readonly clock: SteadyClock;
  readonly #lmdb: LmdbEnvironment | undefined;
  readonly #closeFirst: (() => unknown)[] = [];
  #closing: Promise<void> | undefined;

  private constructor(lmdb: LmdbEnvironment | undefined, { acceptClock, onJump }: ServerStorageOptions) {
    this.environment = lmdb;
    this.directory = lmdb?.directory;
    this.#lmdb = lmdb;
    this.clock = new SteadyClock({ environment: lmdb, accept: acceptClock, ...(onJump && { onJump }) });
  }

  /**
   * Opens and locks the data directory, if there is one.
   *
   * @throws StorageError `data_dir_locked`, `data_dir_unusable`, `storage_failed`
   */
  static async open(options: ServerStorageOptions): Promise<ServerStorage> {
    const { dataDir, schema } = options;
    if (dataDir === undefined) return new ServerStorage(undefined, options);
    // Commands that open no directory do not load LMDB.
    const { LmdbEnvironment } = await import("@parley/storage-lmdb");
    const lmdb = await LmdbEnvironment.open(dataDir, schema);
    try {
      return new ServerStorage(lmdb, options);
    } catch (error) {
      await closeQuietly(() => lmdb.close());
      throw error;
    }
  }

  /** Calls the listener for each damaged record that a read finds, those already found included. */
  onDamaged(listener: (record: DamagedRecord) => void): void {
    this.#lmdb?.onDamaged(listener);
  }

  /** Whether writes succeed, or why they fail. In memory they always succeed. */
  checkWrites(): Promise<WriteCheck> {
    return this.#lmdb?.checkWrites() ?? Promise.resolve({ ok: true });
  }

  /**
   * Copies the data of one moment to a new file; see {@link LmdbEnvironment.copy}.
   *
   * @throws StorageError `storage_failed`; TypeError without a data directory
   */
  async copy(path: string): Promise<void> {
    if (this.#lmdb === undefined)
      throw new TypeError("this server keeps its data in memory or in NATS: only a data directory can be backed up");
    await this.clock.keepNow();
    await this.#lmdb.copy(path);
  }

  /** Adds a step of {@link close} that takes place before the directory is closed, after the steps added earlier: the close of a store. */
  closeFirst(step: () => unknown): void {
    this.#closeFirst.push(step);
  }

  /** Closes the stores, writes the readings of the clock and releases the directory, even if a step fails. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= closeAll(
      ...this.#closeFirst,
      () => this.clock.keepNow(),
      () => this.#lmdb?.close(),
    );
    return this.#closing;
  }
}
