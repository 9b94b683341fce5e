import { loadPeerPackage, type ServerStorage } from "@parley/server-kit";
import { MemoryEnvironment } from "@parley/storage";
import type { LmdbOptions } from "@parley/storage-lmdb";
import { openLogs } from "./log/open-logs.ts";
import { StoredRegistry } from "./registry/stored-registry.ts";
import type { Stores, StoresOptions } from "./stores.ts";

/** Name and version of the schema of a server's data directory. */
export const SCHEMA: LmdbOptions = { name: "skytale", schema: 1 };

/**
 * Opens the stores of a server in its storage, which closes them. Called by {@link startSkytale} and by the CLI.
 *
 * @throws StorageError; with NATS, a JetstreamError, or a TypeError if its package is not installed
 */
export async function openStores(storage: ServerStorage, options: StoresOptions = {}): Promise<Stores> {
  const { nats, retention } = options;
  if (nats !== undefined) {
    const { openSharedStores } = await loadPeerPackage(() => import("./shared-stores.ts"), "@parley/jetstream", "nats");
    return openSharedStores(storage, { ...options, nats });
  }
  const { environment, clock } = storage;
  const expiryNow = (): number => clock.now();
  const registry = new StoredRegistry(environment ?? new MemoryEnvironment());
  const logs = openLogs(environment, { log: { expiryNow, ...(retention && { retention }) }, welcomes: { expiryNow } });
  storage.closeFirst(() => logs.close());
  return { registry, logs };
}
