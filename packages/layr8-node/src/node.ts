import { readNatsOptions, type ServerKind, startServer } from "@parley/server-kit";
import type { Logger } from "pino";
import type { ApiKeys } from "./identity/api-keys.ts";
import type { Layr8Node } from "./layr8-node.ts";
import { readResolution } from "./network/resolution.ts";
import { readNodeOptions, type NodeOptions } from "./options.ts";
import { Policies } from "./routing/authorize/policy.ts";
import { RunningNode } from "./running-node.ts";
import { openMediator } from "./mediation/open-mediator.ts";
import { openStores, SCHEMA } from "./open-stores.ts";

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
  if (nats !== undefined && options.audit === true) {
    throw new TypeError(
      'Option "audit" (--audit) can not be combined with "nats": audit chains are kept by one node, with a data directory or in memory',
    );
  }
  return startServer(NODE, { ...options, natsSettings: nats }, async (parts) => {
    const { storage, logger } = parts;
    const stores = await openStores(storage, { ...options, natsSettings: nats });
    const apiKey = await createFirstKey(stores.apiKeys, logger);
    const mediator = await openMediator(stores, options);
    return RunningNode.start({ ...parts, stores, options, policies, mediator, resolution, apiKey });
  });
}

/** Creates an API key if the store is empty. */
async function createFirstKey(apiKeys: ApiKeys, logger: Logger): Promise<string | undefined> {
  if (apiKeys.list().length > 0) return undefined;
  const { key } = await apiKeys.create({ name: "unrestricted", dids: "any" });
  logger.info("no API key was configured: created one that may bind any DID");
  return key;
}
