import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { ParleyError } from "@parley/core";
import { closeQuietly, systemReason } from "@parley/core/internal";
import { readOptions, serverLogger } from "@parley/server-kit";
import { checkDirectoryAccess } from "@parley/storage";
import { pino, type Logger } from "pino";
import { readApiLimits } from "./api/limits.ts";
import type { Account, AccountOptions, CreatedAccount } from "./api/accounts.ts";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./api/keys.ts";
import { Services } from "./api/services.ts";
import { SKYTALE_OPTIONS, type SkytaleOptions } from "./options.ts";
import { RunningServer } from "./running-server.ts";
import { serverKeyOf } from "./server-key.ts";
import { openStores } from "./stores.ts";

/** A running server: relay and API on one set of records. */
export interface SkytaleServer extends AsyncDisposable {
  /** Origin of the API: `http://127.0.0.1:5100`. */
  readonly apiUrl: string;
  readonly apiPort: number;
  /** Where clients reach the relay by gRPC: `http://127.0.0.1:5000`. */
  readonly relayUrl: string;
  readonly relayPort: number;
  /** Origin of `/health` and `/metrics`, if they have a separate port (`metricsPort`). */
  readonly metricsUrl: string | undefined;
  /**
   * An API key of an account named `operator`. Set only if the server had no account and created this one. It can't be read again later; with a
   * data directory it stays valid after a restart.
   */
  readonly apiKey: string | undefined;
  /**
   * Creates an account with a first API key.
   *
   * @throws ApiError `malformed_request`, `email_taken`, `limit_reached`; StorageError `closed`, as of the other methods, and `storage_failed`
   */
  createAccount(options: AccountOptions): Promise<CreatedAccount>;
  /** Accounts in the order of their ids. */
  listAccounts(options: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly Account[]>;
  /**
   * Creates an API key of an account. The returned value is the only copy of the key; the server stores its hash.
   *
   * @throws ApiError `not_found` (no such account), `limit_reached`
   */
  createApiKey(accountId: string, options?: ApiKeyOptions): Promise<CreatedApiKey>;
  /**
   * Revokes an API key and its tokens. The relay ends its streams within
   * `limits.relay.accessCheckMs`, 5 seconds by default.
   *
   * @throws ApiError `not_found`
   */
  revokeApiKey(id: string): Promise<void>;
  /** The API keys of an account, oldest first. */
  listApiKeys(accountId: string): Promise<readonly ApiKeyInfo[]>;
  /** Stops the server: accepts no new calls, completes those in progress, and resolves when all accepted data is on disk. Idempotent. */
  close(): Promise<void>;
}

const IN_MEMORY = "no dataDir: accounts, channels and messages are kept in memory and lost when this server stops";

const CLOCK_AHEAD =
  "the clock is far ahead of the time that has passed since the server's last look at it: messages, invites and welcomes expire by the " +
  "old time for an hour. If the clock is right, a restart with acceptClock (--accept-clock) makes them expire at once";

/** The account that a server without accounts creates. */
const OPERATOR: AccountOptions = { email: "operator@localhost", name: "operator" };

/**
 * Starts a server: agents get tokens from its API, and exchange messages that only they can read through its relay.
 *
 * @throws TypeError when an option is unknown or invalid; StorageError when the data directory can't be used; the system's error when a port is
 *   in use.
 * @example
 * ```ts
 * import { startSkytale } from "@parley/skytale-server";
 *
 * await using server = await startSkytale({ port: 0, relayPort: 0, dataDir: "./skytale-data" });
 * console.log(server.apiUrl, server.relayUrl, server.apiKey);
 * ```
 */
export async function startSkytale(given: SkytaleOptions = {}): Promise<SkytaleServer> {
  const options = readOptions(SKYTALE_OPTIONS, given);
  const limits = readApiLimits(options.limits?.api);
  const { tls } = options;
  if (tls !== undefined) await checkTls(tls);
  const logger = loggerOf(options.logger);
  const stores = await openStores(options.dataDir, {
    acceptClock: options.acceptClock,
    onJump: (aheadMs) => logger.warn({ aheadMinutes: Math.round(aheadMs / 60_000) }, CLOCK_AHEAD),
    log: { ...(options.retention !== undefined && { retention: options.retention }) },
  });
  try {
    const sealingKey = await serverKeyOf(stores, options.serverKey);
    const services = await Services.open({ registry: stores.registry, limits, sealingKey, expiryNow: () => stores.clock.now() });
    const created = (await services.accounts.isEmpty()) ? await services.accounts.create(OPERATOR) : undefined;
    if (options.dataDir === undefined) logger.warn(IN_MEMORY);
    else {
      const access = await checkDirectoryAccess(options.dataDir);
      if (!access.ok) logger.warn(access.warning);
    }
    return await RunningServer.start({ stores, services, logger, apiKey: created?.apiKey.key }, options);
  } catch (error) {
    await closeQuietly(() => stores.close());
    throw error;
  }
}

/** Before anything is written. @throws TypeError naming option, file and reason */
async function checkTls({ certFile, keyFile }: NonNullable<SkytaleOptions["tls"]>): Promise<void> {
  const cert = await readTlsFile("certFile", certFile);
  const key = await readTlsFile("keyFile", keyFile);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const files = `tls.certFile ${certFile} and tls.keyFile ${keyFile}`;
    throw new TypeError(`${files} must be a certificate and its private key, in PEM: ${ParleyError.from(cause).message}`, { cause });
  }
}

async function readTlsFile(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new TypeError(`tls.${option} ${path} cannot be read: ${systemReason(error)}`, { cause: error });
  }
}

function loggerOf(logger: Logger | false | undefined): Logger {
  if (logger === false) return pino({ level: "silent" });
  return logger ?? serverLogger("skytale-server", "warn");
}
