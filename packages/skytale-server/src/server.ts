import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { ParleyError } from "@parley/core";
import { systemReason } from "@parley/core/internal";
import { readNatsOptions, readOptions, type ServerKind, startServer } from "@parley/server-kit";
import { ApiError } from "./api/api-error.ts";
import type { Account, AccountOptions, CreatedAccount } from "./api/accounts.ts";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./api/keys.ts";
import { Services } from "./api/services.ts";
import { SKYTALE_OPTIONS, type SkytaleOptions } from "./options.ts";
import { RunningServer } from "./running-server.ts";
import { serverKeyOf } from "./server-key.ts";
import { openStores, SCHEMA } from "./stores.ts";

/** A running server: relay and API on one set of records. */
export interface SkytaleServer extends AsyncDisposable {
  /** Origin of the API: `http://127.0.0.1:5100`. */
  readonly apiUrl: string;
  readonly apiPort: number;
  /** Where clients reach the relay by gRPC: `http://127.0.0.1:5000`. */
  readonly relayUrl: string;
  readonly relayPort: number;
  /** Address of the admin console, with its token; set if the server has one of its own. */
  readonly adminUrl: string | undefined;
  /** Origin of `/health`, `/ready` and `/metrics`, if they have a separate port (`metricsPort`). */
  readonly metricsUrl: string | undefined;
  /**
   * An API key of an account named `operator`. Set only if the server had no account and created this one. It can't be read again later;
   * with a data directory it stays valid after a restart.
   */
  readonly apiKey: string | undefined;
  /**
   * Creates an account with a first API key.
   *
   * @throws ApiError `malformed_request`, `email_taken`, `limit_reached`; StorageError `closed`, as of the other methods, and
   * `storage_failed`
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

const SERVER: ServerKind = {
  program: "skytale-server",
  noun: "server",
  stored: "accounts, channels and messages",
  expiring: "messages, invites and welcomes",
  schema: SCHEMA,
  loadConsole: () => import("@parley/console"),
};

/** The account that a server without accounts creates. */
const OPERATOR: AccountOptions = { email: "operator@localhost", name: "operator" };

/**
 * Starts a server: agents get tokens from its API, and exchange messages that only they can read through its relay.
 *
 * @throws TypeError when an option is unknown or invalid; StorageError when the data directory can't be used; JetstreamError when NATS can't be
 *   used; the system's error when a port is in use.
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
  const { tls, limits } = options;
  if (tls !== undefined) await checkTls(tls);
  const secretKey = { given: options.serverKey, option: "serverKey", variable: "SKYTALE_SERVER_KEY" };
  const nats = readNatsOptions(options, { prefix: "ps", secretKey });
  return startServer(SERVER, { ...options, natsSettings: nats }, async (parts) => {
    const { storage } = parts;
    const stores = await openStores(storage, { ...options, nats });
    const { registry, shared } = stores;
    const sealingKey = await serverKeyOf({ directory: storage.directory, registry }, options.serverKey);
    const expiryNow = (): number => storage.clock.now();
    const services = await Services.open({ registry, limits: limits.api, sealingKey, servers: shared?.servers, expiryNow });
    const created = (await services.accounts.isEmpty()) ? await createOperator(services) : undefined;
    return RunningServer.start({ ...parts, stores, services, options, apiKey: created?.apiKey.key });
  });
}

/** @returns `undefined` if another server with the same data has just created it. */
async function createOperator({ accounts }: Services): Promise<CreatedAccount | undefined> {
  try {
    return await accounts.create(OPERATOR);
  } catch (error) {
    if (error instanceof ApiError && error.code === "email_taken") return undefined;
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
