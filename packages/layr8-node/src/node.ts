import { closeQuietly } from "@parley/core/internal";
import { proxyTrust, serverLogger } from "@parley/server-kit";
import { checkDirectoryAccess } from "@parley/storage";
import { pino, type Logger } from "pino";
import type { ApiKeyInfo, ApiKeyOptions, CreatedApiKey } from "./identity/api-keys.ts";
import { readResolution } from "./network/resolution.ts";
import { checkNodeOptions, readLimits, type NodeOptions } from "./options.ts";
import { Policies } from "./routing/authorize/policy.ts";
import { RunningNode } from "./running-node.ts";
import { openStores } from "./stores.ts";

/** A running node. */
export interface Layr8Node extends AsyncDisposable {
  /** Where agents connect: `ws://127.0.0.1:4000/plugin_socket/websocket`. */
  readonly url: string;
  /** Origin of the HTTP API: REST calls for credentials, `/openapi.json`, DID documents, `/health`, `/metrics`. */
  readonly httpUrl: string;
  readonly port: number;
  /** Origin of `/health` and `/metrics`. Equals `httpUrl` unless `metricsPort` is set. */
  readonly metricsUrl: string;
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
   * Stops the node: rejects new connections, asks connected agents to reconnect later, and resolves when all accepted messages are on disk.
   * Idempotent.
   */
  close(): Promise<void>;
}

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
export async function startNode(options: NodeOptions = {}): Promise<Layr8Node> {
  checkNodeOptions(options);
  const limits = readLimits(options.limits);
  const policies = new Policies(options.policies);
  const resolution = readResolution(options.resolution);
  const { trustProxy } = options;
  const logger = loggerOf(options.logger);
  const stores = await openStores(options, limits, (aheadMs) => {
    logger.warn({ aheadMinutes: Math.round(aheadMs / 60_000) }, CLOCK_AHEAD);
  });
  let node: RunningNode | undefined;
  try {
    const created = stores.apiKeys.list().length > 0 ? undefined : await stores.apiKeys.create({ name: "unrestricted", dids: "any" });
    if (options.dataDir === undefined) logger.warn(IN_MEMORY);
    else {
      const access = await checkDirectoryAccess(options.dataDir);
      if (!access.ok) logger.warn(access.warning);
    }
    if (created !== undefined) logger.info("no API key was configured: created one that may bind any DID");
    node = new RunningNode({
      stores,
      limits,
      policies,
      resolution,
      knownHosts: options.knownHosts,
      logger,
      apiKey: created?.key,
      trustsProxy: proxyTrust(trustProxy),
      metricsPort: options.metricsPort,
    });
    await node.listen(options);
    return node;
  } catch (error) {
    await closeQuietly(
      () => node?.close(),
      () => stores.close(),
    );
    throw error;
  }
}

const IN_MEMORY = "no dataDir: messages, DIDs and keys are kept in memory and lost when this node stops";

const CLOCK_AHEAD =
  "the clock is far ahead of the time that has passed since the node's last look at it: messages and DIDs expire by the old time " +
  "for an hour. If the clock is right, a restart with acceptClock (--accept-clock) makes them expire at once";

function loggerOf(logger: Logger | false | undefined): Logger {
  if (logger === false) return pino({ level: "silent" });
  return logger ?? serverLogger("layr8-node", "warn");
}
