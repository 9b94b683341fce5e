import { closeQuietly } from "@parley/core/internal";
import { checkDirectoryAccess } from "@parley/storage";
import type { LmdbOptions } from "@parley/storage-lmdb";
import { pino, type Logger } from "pino";
import type { AdminOptions } from "../admin/admin-options.ts";
import type { AdminHub, ServerConsole } from "../admin/admin-source.ts";
import { serverLogger } from "../server-logger.ts";
import { describeDurability, type NatsSettings } from "../options/nats-options.ts";
import { ServerStorage } from "./server-storage.ts";

/** The kind of a server, for its data directory and its log. */
export interface ServerKind {
  /** Name of the program, such as `layr8-node`. */
  readonly program: string;
  /** The word for the server in messages, such as `node`. */
  readonly noun: string;
  /** The data that a server without a data directory loses when it stops, such as `messages, DIDs and keys`. */
  readonly stored: string;
  /** The data that expires, such as `messages and DIDs`. */
  readonly expiring: string;
  readonly schema: LmdbOptions;
  /** Loads the console. Called only if the options ask for one. */
  readonly loadConsole: () => Promise<{ openConsole(options: AdminOptions, logger: Logger): ServerConsole }>;
}

/** Options that every server has. */
export interface StartOptions extends AdminOptions {
  readonly dataDir?: string;
  readonly acceptClock?: boolean;
  readonly logger?: Logger | false;
  /** Where the server shares its data with others, if it does. */
  readonly natsSettings?: NatsSettings | undefined;
}

/** The parts that a server gets at its start. */
export interface StartedParts {
  readonly storage: ServerStorage;
  readonly logger: Logger;
  /** Its console, to pass to its lifecycle. */
  readonly ownConsole: ServerConsole | undefined;
  /** Where it is to be shown. */
  readonly hub: AdminHub | undefined;
}

/**
 * Starts a server: opens its storage, warns about it, and runs the server in it.
 *
 * @param run opens the stores and the ports. If it fails, the storage is closed.
 * @throws StorageError `data_dir_locked`, `data_dir_unusable`, `storage_failed`; as `run`
 */
export async function startServer<Server>(
  kind: ServerKind,
  options: StartOptions,
  run: (parts: StartedParts) => Promise<Server>,
): Promise<Server> {
  const { dataDir, acceptClock, logger: given, natsSettings: nats, adminPort, admin } = options;
  const logger = given === false ? pino({ level: "silent" }) : (given ?? serverLogger(kind.program, "warn"));
  const onJump = (aheadMs: number): void => logger.warn({ aheadMinutes: Math.round(aheadMs / 60_000) }, clockWarning(kind));
  const storage = await ServerStorage.open({ dataDir, schema: kind.schema, acceptClock, onJump });
  try {
    const access = dataDir === undefined ? inMemory(kind) : await checkDirectoryAccess(dataDir);
    if (!access.ok && nats === undefined) logger.warn(access.warning);
    const ownConsole = adminPort === undefined ? undefined : (await kind.loadConsole()).openConsole(options, logger);
    const server = await run({ storage, logger, ownConsole, hub: ownConsole ?? admin });
    logger.info({ acknowledged: describeDurability(dataDir, nats) }, "storage in use");
    return server;
  } catch (error) {
    await closeQuietly(() => storage.close());
    throw error;
  }
}

function inMemory({ stored, noun }: ServerKind): { readonly ok: false; readonly warning: string } {
  return { ok: false, warning: `no dataDir: ${stored} are kept in memory and lost when this ${noun} stops` };
}

function clockWarning({ noun, expiring }: ServerKind): string {
  return (
    `the clock is far ahead of the time that has passed since the ${noun} last read it: ${expiring} expire by the old time for an hour. ` +
    "If the clock is right, a restart with acceptClock (--accept-clock) makes them expire at once"
  );
}
