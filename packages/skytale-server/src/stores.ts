import { closeAll, closeQuietly } from "@parley/core/internal";
import { type DamagedRecord, MemoryEnvironment, SteadyClock } from "@parley/storage";
import { LmdbEnvironment, type LmdbOptions, type WriteCheck } from "@parley/storage-lmdb";
import { openLogs, type Logs, type LogsOptions } from "./log/open-logs.ts";
import type { Registry } from "./registry/registry.ts";
import { StoredRegistry } from "./registry/stored-registry.ts";

/** Where a server keeps things in its data directory, and the version of how. */
export const SCHEMA: LmdbOptions = { name: "skytale", schema: 1 };

/** What a server keeps. */
export interface Stores {
  /** The data directory, if there is one. */
  readonly directory: string | undefined;
  readonly registry: Registry;
  readonly logs: Logs;
  /** The time by which things expire. */
  readonly clock: SteadyClock;
  /** Calls the listener for each damaged record that is found, those found so far included. */
  onDamaged(listener: (record: DamagedRecord) => void): void;
  /** Whether writes succeed, or why they fail. In memory they always succeed. */
  checkWrites(): Promise<WriteCheck>;
  /** Flushes and releases everything, whatever fails. Idempotent. */
  close(): Promise<void>;
}

/** Options of {@link openStores}, in addition to those of the logs. */
export interface StoresOptions extends LogsOptions {
  /** The wall clock is right, however far it is ahead of the last run. Default `false`. */
  readonly acceptClock?: boolean | undefined;
  /** The wall clock jumped ahead, possibly since the last start. */
  readonly onJump?: (aheadMs: number) => void;
}

/**
 * Opens what a server keeps: in its data directory, or in memory where it has none.
 *
 * @throws StorageError `data_dir_locked`, `data_dir_unusable`
 */
export async function openStores(dataDir: string | undefined, { acceptClock, onJump, ...options }: StoresOptions = {}): Promise<Stores> {
  const environment = dataDir === undefined ? undefined : await LmdbEnvironment.open(dataDir, SCHEMA);
  try {
    const clock = new SteadyClock({ environment, accept: acceptClock, ...(onJump && { onJump }) });
    const expiryNow = (): number => clock.now();
    const registry = new StoredRegistry(environment ?? new MemoryEnvironment());
    const logs = openLogs(environment, { log: { expiryNow, ...options.log }, welcomes: { expiryNow, ...options.welcomes } });
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> =>
      (closing ??= closeAll(
        () => logs.close(),
        () => clock.keepNow(),
        () => environment?.close(),
      ));
    return {
      directory: environment?.directory,
      registry,
      logs,
      clock,
      onDamaged: (listener) => environment?.onDamaged(listener),
      checkWrites: () => environment?.checkWrites() ?? Promise.resolve({ ok: true }),
      close,
    };
  } catch (error) {
    await closeQuietly(() => environment?.close());
    throw error;
  }
}
