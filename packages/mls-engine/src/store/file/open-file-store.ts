import { join, resolve } from "node:path";
import { closeQuietly, isPassingSystemError, rejectUnknownOptions, systemReason } from "@parley/core/internal";
import { checkDirectoryKind, lockDirectory, LockError, type DirectoryLock } from "@parley/storage/directory-lock";
import type { GroupStore } from "../group-store.ts";
import { failureOf, StoreError } from "../store-error.ts";
import { cutName, endName, sortNames, STORE_FILE } from "./file-names.ts";
import { FileStore } from "./file-store.ts";
import { nodeFileSystem, type FileSystem } from "./file-system.ts";
import { createStoreFile, readStoreFile } from "./store-file.ts";

/** The options of {@link openFileStore}. */
export interface FileStoreOptions {
  /**
   * The key to encrypt the store with AES-256-GCM: 32 random bytes, not a password, and always the same for one store. It is not stored. Default:
   * no encryption; the files are protected by their modes only.
   */
  readonly encryptionKey?: Uint8Array;
  /** Milliseconds from a `"soon"` write to its flush. Default 5; 0 to 1000 is sensible. */
  readonly flushDelayMs?: number;
}

/** Number of `"soon"` writes that cause an immediate flush. */
const FLUSH_WRITES = 16;
const KEY_BYTES = 32;

/**
 * Opens a store in a directory, and locks it against other processes. Creates both if they are missing, accessible by their owner only.
 *
 * @example
 * ```ts
 * import { openFileStore } from "@parley/mls-engine/node";
 *
 * await using store = await openFileStore("./agent-keys");
 * console.log(await store.partitions());
 * ```
 * @throws StoreError `locked`, `unusable`, `wrong_key`, `format_unsupported`, `damaged`
 * @throws TypeError for a key of another length than 32 bytes, an unknown option or an invalid delay
 */
export async function openFileStore(directory: string, options: FileStoreOptions = {}): Promise<GroupStore> {
  return openFileStoreIn(nodeFileSystem, resolve(directory), options, lockDirectory);
}

/** {@link openFileStore} on any file system. */
export async function openFileStoreIn(
  files: FileSystem,
  directory: string,
  options: FileStoreOptions,
  lock: (directory: string) => Promise<DirectoryLock>,
): Promise<GroupStore> {
  const { encryptionKey, flushDelayMs } = readOptions(options);
  const held = await attempt(directory, async () => {
    await files.makeDirectory(directory);
    return lock(directory);
  });
  try {
    return await attempt(directory, async () => {
      const names = await files.list(directory);
      checkDirectoryKind(directory, names, STORE_FILE);
      const { logs, rows, cuts, ends, unfinished, hasStoreFile } = sortNames(names);
      if (!hasStoreFile && logs.length > 0) throw new StoreError("damaged", "The store file is missing");
      const keys = (await readStoreFile(files, directory, encryptionKey)) ?? (await createStoreFile(files, directory, encryptionKey));
      // Unfinished files may contain secrets, which later erasures would miss.
      for (const name of unfinished) await files.remove(join(directory, name));
      const known = new Set(logs);
      const orphans = Array.from(rows).flatMap(([base, names]) => (known.has(base) ? [] : names));
      for (const base of cuts) if (!known.has(base)) orphans.push(cutName(base));
      for (const base of ends) if (!known.has(base)) orphans.push(endName(base));
      for (const name of orphans) await files.remove(join(directory, name));
      // After a crash, a renamed file may not be durable yet.
      await files.syncDirectory(directory);
      const limits = { delayMs: flushDelayMs, writes: FLUSH_WRITES };
      return new FileStore({ files, directory, keys, limits, rowsFiles: rows, release: () => held.release() });
    });
  } catch (error) {
    await closeQuietly(() => held.release());
    throw error;
  }
}

function readOptions(options: FileStoreOptions): { encryptionKey: Uint8Array | undefined; flushDelayMs: number } {
  // A misspelt `encryptionKey` would leave the store unencrypted.
  rejectUnknownOptions(options, ["encryptionKey", "flushDelayMs"]);
  const { encryptionKey, flushDelayMs = 5 } = options;
  if (encryptionKey !== undefined && (!(encryptionKey instanceof Uint8Array) || encryptionKey.length !== KEY_BYTES)) {
    throw new TypeError(`encryptionKey must be a Uint8Array of ${KEY_BYTES} bytes`);
  }
  if (!(flushDelayMs >= 0 && flushDelayMs <= 60_000)) throw new TypeError("flushDelayMs must be a number from 0 to 60000");
  return { encryptionKey, flushDelayMs };
}

async function attempt<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    if (error instanceof LockError && error.code === "locked") throw new StoreError("locked", error.message, { cause: error });
    if (isPassingSystemError(error)) throw failureOf(error, directory);
    const message = error instanceof LockError ? error.message : `${directory} cannot be used as a store: ${systemReason(error)}`;
    throw new StoreError("unusable", message, { cause: error });
  }
}
