import type { GroupStore, StoreChange, StorePartition } from "../../src/index.ts";
import type { FileSystem } from "../../src/store/file/file-system.ts";
import { openFileStoreIn, type FileStoreOptions } from "../../src/store/file/open-file-store.ts";

/** Opens a store on a simulated disk of its own. */
export function openOn(files: FileSystem, options: FileStoreOptions = {}): Promise<GroupStore> {
  return openFileStoreIn(files, "/store", options, async () => ({ release: async () => {} }));
}

/** A row's change, from text. */
export function put(key: string, text: string, isPublic = false): StoreChange {
  return { key, value: Buffer.from(text), isPublic };
}

/** All rows, as text. */
export function rowsOf(partition: StorePartition): Record<string, string> {
  return Object.fromEntries(partition.keys().map((key) => [key, Buffer.from(partition.get(key) ?? []).toString()]));
}
