import { closeAll, closeQuietly } from "@parley/core/internal";
import { StorageEnvironment, type StorageOptions } from "@parley/storage";
import { openLogs, type Logs, type LogsOptions } from "./log/open-logs.ts";
import { MemoryRegistry } from "./registry/memory-registry.ts";
import type { Registry } from "./registry/registry.ts";
import { StoredRegistry } from "./registry/stored-registry.ts";

/** Where a server keeps things in its data directory, and the version of how. */
export const SCHEMA: StorageOptions = { name: "skytale", schema: 1 };

/** What a server keeps. */
export interface Stores {
  readonly registry: Registry;
  readonly logs: Logs;
  /** Why nothing can be written now; `undefined` while writes succeed, and in memory. */
  writeFailure(): Promise<Error | undefined>;
  /** Flushes and releases everything, whatever fails. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens what a server keeps: in its data directory, or in memory where it has none.
 *
 * @throws StorageError `data_dir_locked`, `data_dir_unusable`
 */
export async function openStores(dataDir: string | undefined, options: LogsOptions = {}): Promise<Stores> {
  if (dataDir === undefined) {
    const logs = openLogs(undefined, options);
    return { registry: new MemoryRegistry(), logs, writeFailure: () => Promise.resolve(undefined), close: () => logs.close() };
  }
  const environment = await StorageEnvironment.open(dataDir, SCHEMA);
  try {
    const registry = new StoredRegistry(environment);
    const logs = openLogs(environment, options);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> =>
      (closing ??= closeAll(
        () => logs.close(),
        () => environment.close(),
      ));
    return { registry, logs, writeFailure: () => environment.writeFailure(), close };
  } catch (error) {
    await closeQuietly(() => environment.close());
    throw error;
  }
}
