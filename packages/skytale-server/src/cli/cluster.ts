import type { JetstreamConnection } from "@parley/jetstream";
import { type Command, ClusterCommands, loadPeerPackage, type ServerStorage } from "@parley/server-kit";

/** The commands of servers that share their data. */
export const CLUSTER: ClusterCommands<JetstreamConnection, typeof import("@parley/jetstream")> = new ClusterCommands({
  program: "skytale-server",
  prefix: "ps",
  load: () => loadPeerPackage(() => import("@parley/jetstream"), "@parley/jetstream", "nats"),
});

/** Copies a data directory to NATS. */
export const clusterImport: Command = CLUSTER.importCommand({
  load: async () => {
    const { SCHEMA } = await import("../open-stores.ts");
    return { schema: SCHEMA, open: (storage: ServerStorage) => Promise.resolve(storage.environment) };
  },
  run: async (environment, connection, { from }) => {
    if (environment === undefined) return [];
    const { importDirectory } = await import("../cluster/import-directory.ts");
    const { records, channels, entries, missing, welcomes, isRepeated } = await importDirectory(environment, connection);
    return [
      isRepeated
        ? `${from} was imported before: ${records} records, ${channels} channels`
        : `imported ${records} records, ${channels} channels with ${entries} entries (${missing} evicted), ${welcomes} Welcomes`,
      `start the servers with the server key of the directory: SKYTALE_SERVER_KEY="$(cat ${from}/server.key)"`,
    ];
  },
});
