import { StorageEnvironment, type StorageOptions } from "@parley/storage";
import { MemoryRegistry } from "./registry/memory-registry.ts";
import type { Registry } from "./registry/registry.ts";
import { StoredRegistry } from "./registry/stored-registry.ts";

/** Where a server keeps things in its data directory, and the version of how. */
export const SCHEMA: StorageOptions = { name: "skytale", schema: 1 };

/** What a server keeps. */
export interface Stores {
  readonly registry: Registry;
  /** Flushes and releases everything. */
  close(): Promise<void>;
}

/**
 * Opens what a server keeps: in its data directory, or in memory where it has none.
 *
 * @throws StorageError `data_dir_locked`, `data_dir_unusable`
 */
export async function openStores(dataDir: string | undefined): Promise<Stores> {
  if (dataDir === undefined) return { registry: new MemoryRegistry(), close: () => Promise.resolve() };
  const environment = await StorageEnvironment.open(dataDir, SCHEMA);
  try {
    return { registry: new StoredRegistry(environment), close: () => environment.close() };
  } catch (error) {
    await environment.close();
    throw error;
  }
}
