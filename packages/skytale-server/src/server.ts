import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { ParleyError } from "@parley/core";
import { systemReason } from "@parley/core/internal";
import { readNatsOptions, readOptions, type ServerKind, startServer } from "@parley/server-kit";
import { ApiError } from "./api/api-error.ts";
import type { AccountOptions, CreatedAccount } from "./api/accounts.ts";
import { Services } from "./api/services.ts";
import { SKYTALE_OPTIONS, type SkytaleOptions } from "./options.ts";
import { RunningServer } from "./running-server.ts";
import { serverKeyOf } from "./server-key.ts";
import type { SkytaleServer } from "./skytale-server.ts";
import { openStores, SCHEMA } from "./open-stores.ts";

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
