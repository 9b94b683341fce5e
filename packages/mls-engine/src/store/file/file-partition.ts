import { closeAll, closeQuietly } from "@parley/core/internal";
import type { Durability, StoreChange, StorePartition } from "../group-store.ts";
import { Rows } from "../rows.ts";
import { failureOf, StoreError } from "../store-error.ts";
import { checkBatch } from "../store-limits.ts";
import { encodeEntries } from "./entries.ts";
import { FlushQueue, type FlushLimits, type FlushRequest } from "./flush-queue.ts";
import { PartitionFiles, type PartitionFilesInit } from "./partition-files.ts";
import { StoredRows } from "./stored-rows.ts";

/** A file is rewritten when its obsolete bytes exceed this number and the size of its rows. */
const MIN_WASTE = { log: 64 * 1024, rows: 256 * 1024 };

/** The options of {@link FilePartition.open}. */
export interface FilePartitionInit extends PartitionFilesInit {
  readonly limits: FlushLimits;
  /** Called when the partition is closed. `failed`: whether its last flush failed. */
  readonly onClose: (failed: boolean) => void;
}

/**
 * A partition in files. A batch changes the rows in memory; each flush writes the changes since the previous one. After a failed flush, the
 * next one rewrites both files from memory.
 */
export class FilePartition implements StorePartition {
  readonly #rows: Rows = new Rows();
  readonly #stored: StoredRows = new StoredRows(this.#rows);
  readonly #queue: FlushQueue;
  readonly #onClose: (failed: boolean) => void;
  readonly #directory: string;
  #wasFound = false;
  #files: PartitionFiles | undefined;
  /** Whether the partition was ever written. */
  #exists = false;
  /** Whether the last flush failed. It is unknown how much of it is on disk, so the next flush rewrites everything. */
  #isUncertain = false;
  #closing: Promise<void> | undefined;

  private constructor({ limits, onClose, directory }: FilePartitionInit) {
    this.#directory = directory;
    this.#queue = new FlushQueue((request) => this.#flush(request), limits);
    this.#onClose = onClose;
  }

  /** @throws StoreError `damaged`, `format_unsupported` */
  static async open(init: FilePartitionInit): Promise<FilePartition> {
    const partition = new FilePartition(init);
    partition.#files = await PartitionFiles.open(init, (entry, isPublic) => partition.#stored.read(entry, isPublic));
    partition.#exists = partition.#files.exist;
    partition.#wasFound = partition.#files.exist;
    return partition;
  }

  get wasFound(): boolean {
    return this.#wasFound;
  }

  get wasCut(): boolean {
    return this.#files?.wasCut ?? false;
  }

  async acknowledgeCut(): Promise<void> {
    this.#check();
    if (this.wasCut) await this.#attempt(async () => this.#files?.acknowledgeCut());
  }

  /** Whether the partition was ever written. */
  get exists(): boolean {
    return this.#exists;
  }

  /** The name of the file with the public rows. */
  get rowsName(): string | undefined {
    return this.#files?.rowsName;
  }

  get(key: string): Uint8Array | undefined {
    this.#check();
    return this.#rows.get(key);
  }

  keys(prefix?: string): readonly string[] {
    this.#check();
    return this.#rows.keys(prefix);
  }

  async write(changes: readonly StoreChange[], durability: Durability): Promise<void> {
    this.#check();
    checkBatch(changes, durability);
    this.#rows.apply(changes);
    for (const { key } of changes) this.#stored.changed(key);
    this.#exists ||= changes.length > 0;
    if (durability === "durable") await this.#queue.flushed();
    else if (changes.length > 0) this.#queue.wrote();
  }

  async compact(): Promise<void> {
    this.#check();
    await this.#queue.flushed({ compact: true });
  }

  /** Rewrites the log. Called on opening after a flush that failed. */
  async rewriteAfterFailure(): Promise<void> {
    await this.#attempt(() => this.#write("rewrite"));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#queue.stop();
    await closeAll(
      () => this.#queue.flushed(),
      () => this.#attempt(async () => this.#files?.close()),
      () => this.#rows.clear(),
      () => this.#onClose(this.#isUncertain),
    );
  }

  #flush({ compact }: FlushRequest): Promise<void> {
    return this.#attempt(() => this.#write(compact ? "clean" : "grown"));
  }

  async #attempt(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#isUncertain = true;
      await closeQuietly(() => this.#files?.abandon());
      throw failureOf(error, this.#directory);
    }
  }

  /**
   * Writes the changed rows.
   *
   * @param log when to rewrite the log: always (`rewrite`), if it contains replaced secrets (`clean`), or if it is too large (`grown`)
   */
  async #write(log: "rewrite" | "clean" | "grown"): Promise<void> {
    const files = this.#files;
    if (files === undefined || !this.exists) return;
    // All rows are encoded before the first await, because they may change while the files are written.
    const { secret, open } = this.#stored.take();
    const { live, hasStaleSecrets } = this.#stored;
    const isUncertain = this.#isUncertain;
    const rewrite =
      log === "rewrite" ||
      isUncertain ||
      !files.exist ||
      (log === "clean" && hasStaleSecrets) ||
      files.logBytes > 2 * live.secret + MIN_WASTE.log;
    if (!rewrite && secret.length === 0 && open.length === 0) return;
    const rewriteRows = isUncertain || files.rowsBytes === 0 || files.rowsBytes > 2 * live.open + MIN_WASTE.rows;
    await files.write(
      { entries: encodeEntries(rewrite ? this.#stored.all(false) : secret), rewrite },
      open.length === 0 && !(isUncertain && live.open > 0)
        ? undefined
        : { entries: encodeEntries(rewriteRows ? this.#stored.all(true) : open), rewrite: rewriteRows },
    );
    if (rewrite) this.#stored.rewritten();
    this.#isUncertain = false;
  }

  #check(): void {
    if (this.#closing !== undefined) throw new StoreError("closed", "The partition has been closed");
  }
}
