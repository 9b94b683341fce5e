import { closeAll } from "@parley/core/internal";
import type { Environment } from "@parley/storage";
import type { ChannelLog } from "./channel-log.ts";
import { LmdbLog } from "./lmdb-log.ts";
import { LmdbWelcomes } from "./lmdb-welcomes.ts";
import { type LogOptions, MemoryLog } from "./memory-log.ts";
import { MemoryWelcomes, type WelcomeOptions } from "./memory-welcomes.ts";
import type { WelcomeStore } from "./welcome-store.ts";

/** What a relay keeps. */
export interface Logs {
  readonly log: ChannelLog;
  readonly welcomes: WelcomeStore;
  /** Finishes what is under way. The environment stays open, and is to be closed after. */
  close(): Promise<void>;
}

/** How a relay keeps things. */
export interface LogsOptions {
  readonly log?: LogOptions;
  readonly welcomes?: WelcomeOptions;
}

/**
 * Opens what a relay keeps: in an environment, before its first write, or in memory.
 *
 * @throws StorageError
 */
export function openLogs(environment: Environment | undefined, options: LogsOptions = {}): Logs {
  const log = environment === undefined ? new MemoryLog(options.log) : LmdbLog.open(environment, options.log);
  const welcomes = environment === undefined ? new MemoryWelcomes(options.welcomes) : LmdbWelcomes.open(environment, options.welcomes);
  return {
    log,
    welcomes,
    close: () =>
      closeAll(
        () => log.close(),
        () => welcomes.close(),
      ),
  };
}
