import type { ServerStorage } from "@parley/server-kit";
import { MemoryEnvironment } from "@parley/storage";
import type { LmdbOptions } from "@parley/storage-lmdb";
import { openLogs, type Logs } from "./log/open-logs.ts";
import type { Retention } from "./log/channel-log.ts";
import type { Registry } from "./registry/registry.ts";
import { StoredRegistry } from "./registry/stored-registry.ts";

/** Name and version of the schema of a server's data directory. */
export const SCHEMA: LmdbOptions = { name: "skytale", schema: 1 };

/** The stores of a server. */
export interface Stores {
  readonly registry: Registry;
  readonly logs: Logs;
}

/** Opens the stores of a server in its storage, which closes them. Called by {@link startSkytale} and by the CLI. @throws StorageError */
export function openStores(storage: ServerStorage, { retention }: { readonly retention?: Partial<Retention> } = {}): Stores {
  const { environment, clock } = storage;
  const expiryNow = (): number => clock.now();
  const registry = new StoredRegistry(environment ?? new MemoryEnvironment());
  const logs = openLogs(environment, { log: { expiryNow, ...(retention && { retention }) }, welcomes: { expiryNow } });
  storage.closeFirst(() => logs.close());
  return { registry, logs };
}
