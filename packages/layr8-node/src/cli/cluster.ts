import { isJsonObject } from "@parley/core";
import type { JetstreamConnection } from "@parley/jetstream";
import { type Command, ClusterCommands, loadPeerPackage, readConfigFile, readSecretKey, type ServerStorage } from "@parley/server-kit";
import type { NodeOptions, ReadNodeOptions } from "../options.ts";

/** The commands of nodes that share their data. */
export const CLUSTER: ClusterCommands<JetstreamConnection, typeof import("@parley/jetstream")> = new ClusterCommands({
  program: "layr8-node",
  prefix: "pn",
  load: () => loadPeerPackage(() => import("@parley/jetstream"), "@parley/jetstream", "nats"),
});

/** Copies a data directory to NATS. */
export const clusterImport: Command = (args, environment) => {
  const nodeKey = readSecretKey(environment, "LAYR8_NODE_KEY");
  const run = CLUSTER.importCommand({
    load: async (config) => {
      const [{ openStores, SCHEMA }, { readNodeOptions }] = await Promise.all([import("../open-stores.ts"), import("../options.ts")]);
      // The streams get the limits with which the nodes are started.
      const read = ({ limits }: NodeOptions): ReadNodeOptions =>
        readNodeOptions({ ...(limits !== undefined && { limits }), ...(nodeKey !== undefined && { nodeKey }) });
      const check = (found: unknown): void => {
        if (!isJsonObject(found)) throw new TypeError("it needs a JSON object, such as {}");
        read(found);
      };
      const options = read(config === undefined ? {} : await readConfigFile(config, check));
      const open = async (storage: ServerStorage) => {
        const { environment: stored } = storage;
        return stored && { stores: await openStores(storage, options), environment: stored, limits: options.limits };
      };
      return { schema: SCHEMA, open };
    },
    run: async (source, connection, { from, nodeName }) => {
      if (source === undefined) return [];
      const { importDirectory } = await import("../cluster/import-directory.ts");
      const counts = await importDirectory(source, connection, nodeName);
      const { keys, dids, messages, credentials, statusBlocks, outbound, deadLetters, isRepeated } = counts;
      return [
        isRepeated
          ? `${from} was imported before`
          : `imported ${keys} API keys, ${dids} DIDs, ${messages} messages in inboxes, ${credentials} credentials, ${statusBlocks} blocks of status lists, ${outbound} messages for other domains, ${deadLetters} dead letters`,
        `start the nodes with the node key of the directory: LAYR8_NODE_KEY="$(cat ${from}/node.key)"`,
      ];
    },
  });
  return run(args, environment);
};
