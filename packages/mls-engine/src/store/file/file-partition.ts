import { closeAll, closeQuietly } from "@parley/core/internal";
import type { Durability, StoreChange, StorePartition } from "../group-store.ts";
import { Rows } from "../rows.ts";
import { failureOf, StoreError } from "../store-error.ts";
import { checkBatch } from "../store-limits.ts";
import { encodeEntries } from "./entries.ts";
import { FlushQueue, type FlushLimits, type FlushRequest } from "./flush-queue.ts";
import { PartitionFiles, type PartitionFilesInit } from "./partition-files.ts";
import { StoredRows } from "./stored-rows.ts";

/** Bytes that may be wasted in a file before it is written anew. Above it, as many as its rows take. */
const MIN_WASTE = { log: 64 * 1024, rows: 256 * 1024 };

/** What a store tells a partition that it opens. */
export interface FilePartitionInit extends PartitionFilesInit {
  readonly limits: FlushLimits;
  /** The partition has been closed; whether it had failed. */
  readonly onClose: (failed: boolean) => void;
}

/**
 * A partition in files. Batches change the rows in memory at once; each flush writes what has changed since the one before. After a failed
 * flush, the next one replaces both files by what is in memory.
 */
export class FilePartition implements StorePartition {
  readonly #rows: Rows = new Rows();
  readonly #stored: StoredRows = new StoredRows(this.#rows);
  readonly #queue: FlushQueue;
  readonly #onClose: (failed: boolean) => void;
  readonly #directory: string;
  #wasFound = false;
  #files: PartitionFiles | undefined;
  /** Whether something has been written to it, now or earlier. */
  #exists = false;
  /** A flush has failed, and it isn't known what of it is on disk. The next one writes everything. */
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

  /** Whether something has been written to it, now or earlier. */
  get exists(): boolean {
    return this.#exists;
  }

  /** Name of the file of its public rows. */
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
    for (const { key, value, isPublic = false } of changes) {
      if (value === undefined) this.#rows.delete(key);
      else this.#rows.set(key, value, isPublic);
      this.#stored.changed(key);
    }
    this.#exists ||= changes.length > 0;
    if (durability === "durable") await this.#queue.flushed();
    else if (changes.length > 0) this.#queue.wrote();
  }

  async compact(): Promise<void> {
    this.#check();
    await this.#queue.flushed({ compact: true });
  }

  /** Writes the log anew, for when it isn't known what of it is on disk. */
  async renew(): Promise<void> {
    await this.#attempt(() => this.#write("anew"));
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
   * Writes what has changed. The log is to be written anew in any case (`anew`), if it holds secrets that were replaced (`clean`), or if
   * too much of it is waste (`grown`).
   */
  async #write(log: "anew" | "clean" | "grown"): Promise<void> {
    const files = this.#files;
    if (files === undefined || !this.exists) return;
    // Everything is encoded before the first wait: rows may change, and secrets be erased, while files are written.
    const { secret, open } = this.#stored.take();
    const { live, hasStaleSecrets } = this.#stored;
    const isUncertain = this.#isUncertain;
    const anew =
      log === "anew" ||
      isUncertain ||
      !files.exist ||
      (log === "clean" && hasStaleSecrets) ||
      files.logBytes > 2 * live.secret + MIN_WASTE.log;
    if (!anew && secret.length === 0 && open.length === 0) return;
    const rowsAnew = isUncertain || files.rowsBytes === 0 || files.rowsBytes > 2 * live.open + MIN_WASTE.rows;
    await files.write(
      { entries: encodeEntries(anew ? this.#stored.all(false) : secret), anew },
      open.length === 0 && !(isUncertain && live.open > 0)
        ? undefined
        : { entries: encodeEntries(rowsAnew ? this.#stored.all(true) : open), anew: rowsAnew },
    );
    if (anew) this.#stored.rewritten();
    this.#isUncertain = false;
  }

  #check(): void {
    if (this.#closing !== undefined) throw new StoreError("closed", "This partition has been closed");
  }
}
