import { readNatsOptions, type ServerKind, startServer } from "@parley/server-kit";
import type { Logger } from "pino";
import type { ApiKeyInfo, ApiKeyOptions, ApiKeys, CreatedApiKey } from "./identity/api-keys.ts";
import { readResolution } from "./network/resolution.ts";
import { readNodeOptions, type NodeOptions } from "./options.ts";
import { Policies } from "./routing/authorize/policy.ts";
import { RunningNode } from "./running-node.ts";
import { openStores, SCHEMA } from "./stores.ts";

/** A running node. */
export interface Layr8Node extends AsyncDisposable {
  /** Where agents connect: `ws://127.0.0.1:4000/plugin_socket/websocket`. */
  readonly url: string;
  /** Origin of the HTTP API: REST calls for credentials, `/openapi.json`, DID documents, `/health`, `/ready`, `/metrics`. */
  readonly httpUrl: string;
  readonly port: number;
  /** Origin of `/health`, `/ready` and `/metrics`. Equals `httpUrl` unless `metricsPort` is set. */
  readonly metricsUrl: string;
  /** Address of the admin console, with its token; set if the server has one of its own. */
  readonly adminUrl: string | undefined;
  /**
   * An API key that may bind any DID. Set only if the node had no API key and created this one. It can't be read again later; with a data
   * directory it stays valid after a restart.
   */
  readonly apiKey: string | undefined;
  /**
   * Creates an API key. The returned value is the only copy of the key; the node stores its hash.
   *
   * @throws TypeError for a wrong option; StorageError `closed`, `storage_failed`
   */
  createApiKey(options: ApiKeyOptions): Promise<CreatedApiKey>;
  /**
   * Revokes an API key and closes its connections. Resolves to `false` if the id is unknown.
   *
   * @throws StorageError `closed`, `storage_failed`
   */
  revokeApiKey(id: string): Promise<boolean>;
  /** The API keys, without the keys themselves. */
  listApiKeys(): readonly ApiKeyInfo[];
  /**
   * Stops the node: rejects new connections, requests that connected agents reconnect later, and resolves when all accepted messages are on
   * disk. Idempotent.
   */
  close(): Promise<void>;
}

const NODE: ServerKind = {
  program: "layr8-node",
  noun: "node",
  stored: "messages, DIDs and keys",
  expiring: "messages and DIDs",
  schema: SCHEMA,
  loadConsole: () => import("@parley/console"),
};

/**
 * Starts a node. Agents connect to it over WebSockets. It stores their messages until the recipients have acknowledged them.
 *
 * @throws TypeError when an option is unknown or invalid.
 * @throws StorageError when the data directory can't be used.
 * @throws Error of the system when the port is in use.
 * @example
 * ```ts
 * import { startNode } from "@parley/layr8-node";
 *
 * await using node = await startNode({ port: 0, dataDir: "./node-data" });
 * console.log(node.url);
 * ```
 */
export async function startNode(given: NodeOptions = {}): Promise<Layr8Node> {
  const options = readNodeOptions(given);
  const policies = new Policies(options.policies);
  const resolution = readResolution(options.resolution);
  const secretKey = { given: options.nodeKey, option: "nodeKey", variable: "LAYR8_NODE_KEY" };
  const nats = readNatsOptions(options, { prefix: "pn", secretKey });
  if (nats !== undefined && options.nodeName === undefined) {
    throw new TypeError('Option "nats" needs the option "nodeName" (--node-name): a name that this node keeps, and no other node has');
  }
  return startServer(NODE, { ...options, natsSettings: nats }, async (parts) => {
    const { storage, logger } = parts;
    const stores = await openStores(storage, { ...options, natsSettings: nats });
    const apiKey = await createFirstKey(stores.apiKeys, logger);
    return RunningNode.start({ ...parts, stores, options, policies, resolution, apiKey });
  });
}

/** Creates an API key if there is none. */
async function createFirstKey(apiKeys: ApiKeys, logger: Logger): Promise<string | undefined> {
  if (apiKeys.list().length > 0) return undefined;
  const { key } = await apiKeys.create({ name: "unrestricted", dids: "any" });
  logger.info("no API key was configured: created one that may bind any DID");
  return key;
}
