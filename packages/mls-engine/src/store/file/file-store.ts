import { join } from "node:path";
import { closeAll, closeQuietly, closeTogether } from "@parley/core/internal";
import type { GroupStore, StorePartition } from "../group-store.ts";
import { failureOf, StoreError } from "../store-error.ts";
import { checkPartitionName } from "../store-limits.ts";
import { cutName, endName, logName, sortNames } from "./file-names.ts";
import { FilePartition } from "./file-partition.ts";
import type { FileSystem } from "./file-system.ts";
import type { FlushLimits } from "./flush-queue.ts";
import { partitionOf } from "./log-file.ts";
import type { StoreKeys } from "./store-keys.ts";

/** The parts of a {@link FileStore}. */
export interface FileStoreInit {
  readonly files: FileSystem;
  readonly directory: string;
  readonly keys: StoreKeys;
  readonly limits: FlushLimits;
  /** The files of public rows that were found, by base name. */
  readonly rowsFiles: ReadonlyMap<string, readonly string[]>;
  /** Unlocks the directory. */
  readonly release: () => Promise<void>;
}

/** A store in the files of a directory that this process has locked. */
export class FileStore implements GroupStore {
  readonly #init: FileStoreInit;
  /** Partitions that are open, being opened or being removed. */
  readonly #held = new Map<string, Promise<FilePartition | undefined>>();
  readonly #rowsFiles: Map<string, readonly string[]>;
  /** Partitions whose last flush failed: it is unknown how much of it is on disk. */
  readonly #uncertain = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(init: FileStoreInit) {
    this.#init = init;
    this.#rowsFiles = new Map(init.rowsFiles);
  }

  async partitions(): Promise<readonly string[]> {
    this.#check();
    const { files, directory, keys } = this.#init;
    const names = new Set<string>();
    await this.#attempt(async () => {
      for (const base of sortNames(await files.list(directory)).logs) {
        const name = await partitionOf({ files, keys, base, kind: "log", path: join(directory, logName(base)) });
        if (name !== undefined) names.add(name);
      }
    });
    for (const [name, held] of this.#held) if ((await held.catch(() => undefined))?.exists === true) names.add(name);
    return Array.from(names);
  }

  async open(name: string): Promise<StorePartition> {
    this.#checkFree(name);
    const opening = this.#attempt(() => this.#open(name));
    this.#hold(name, opening);
    return opening;
  }

  async remove(name: string): Promise<void> {
    this.#checkFree(name);
    const removing = this.#attempt(() => this.#remove(name)).finally(() => this.#held.delete(name));
    this.#hold(
      name,
      removing.then(() => undefined),
    );
    await removing;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const held = await Promise.allSettled(this.#held.values());
    const partitions = held.map((each) => () => (each.status === "fulfilled" ? each.value?.close() : undefined));
    await closeAll(() => closeTogether(...partitions), this.#init.release);
  }

  async #open(name: string): Promise<FilePartition> {
    const partition = await FilePartition.open({
      ...this.#init,
      partition: name,
      onClose: (failed) => {
        this.#held.delete(name);
        if (failed) this.#uncertain.add(name);
      },
    });
    try {
      if (this.#uncertain.has(name)) await partition.rewriteAfterFailure();
      this.#uncertain.delete(name);
      await this.#dropOrphans(name, partition.rowsName);
      return partition;
    } catch (error) {
      await closeQuietly(() => partition.close());
      throw error;
    }
  }

  async #remove(name: string): Promise<void> {
    const { files, directory, keys } = this.#init;
    const base = keys.fileName(name);
    // Without the log, the public rows are invalid, so it is removed first.
    await files.remove(join(directory, logName(base)));
    await files.syncDirectory(directory);
    const { rows } = sortNames(await files.list(directory));
    for (const file of [...(rows.get(base) ?? []), cutName(base), endName(base)]) await files.remove(join(directory, file));
    this.#uncertain.delete(name);
  }

  /** Removes files of public rows that no log refers to, after a crash. */
  async #dropOrphans(name: string, inUse: string | undefined): Promise<void> {
    const { files, directory, keys } = this.#init;
    const base = keys.fileName(name);
    for (const file of this.#rowsFiles.get(base) ?? []) if (file !== inUse) await files.remove(join(directory, file));
    this.#rowsFiles.delete(base);
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw failureOf(error, this.#init.directory);
    }
  }

  #hold(name: string, work: Promise<FilePartition | undefined>): void {
    this.#held.set(name, work);
    work.catch(() => this.#held.delete(name));
  }

  #check(): void {
    if (this.#closing !== undefined) throw new StoreError("closed", "The store has been closed");
  }

  #checkFree(name: string): void {
    this.#check();
    checkPartitionName(name);
    if (this.#held.has(name)) throw new TypeError("The partition is already open");
  }
}
