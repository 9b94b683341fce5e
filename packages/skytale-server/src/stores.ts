import { loadPeerPackage, type NatsSettings, type ServerStorage } from "@parley/server-kit";
import type { HealthCheck } from "@parley/server-kit/http";
import { MemoryEnvironment } from "@parley/storage";
import type { LmdbOptions } from "@parley/storage-lmdb";
import { openLogs, type Logs } from "./log/open-logs.ts";
import type { Retention } from "./log/channel-log.ts";
import type { RegistryListener } from "./registry/jetstream-registry.ts";
import type { Registry } from "./registry/registry.ts";
import { StoredRegistry } from "./registry/stored-registry.ts";

/** Name and version of the schema of a server's data directory. */
export const SCHEMA: LmdbOptions = { name: "skytale", schema: 1 };

/** The stores of a server. */
export interface Stores {
  readonly registry: Registry;
  readonly logs: Logs;
  /** Set if other servers have the same data. */
  readonly shared?: SharedStorage | undefined;
}

/** What a server knows of the storage that it shares with others. */
export interface SharedStorage {
  /** Whether reads and writes succeed. */
  checkHealth(): Promise<HealthCheck>;
  /** How many servers share the storage, this one included. */
  servers(): number;
  /** Calls the listener for each change of the registry, by this server or another. */
  onChanges(listener: RegistryListener): void;
}

/** Options of {@link openStores}. */
export interface StoresOptions {
  readonly retention?: Partial<Retention>;
  /** Where servers share their data. The storage has no directory then. */
  readonly nats?: NatsSettings | undefined;
  /** Accepts a clock that is ahead of that of NATS. Default `false`. */
  readonly acceptClock?: boolean;
}

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
