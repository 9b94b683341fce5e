import { type Command, parseClusterOptions, type ServerStorage, withDataDirectory } from "@parley/server-kit";
import { connected, PREFIX } from "./connected.ts";

const PROGRAM = "skytale-server";
const REMEDY = "This command works while no server runs on the directory: stop the server first";

/** Shows NATS servers, streams, and the servers that share the data. */
export const clusterStatus: Command = async (args) => {
  const { nats } = parseClusterOptions(PROGRAM, args, PREFIX);
  await connected(nats, async ({ describeStreams, Members }, connection) => {
    const { server_name: name = "", version = "", cluster } = connection.nc.info ?? {};
    console.log(`nats-server ${version} (${name}${cluster === undefined ? "" : `, cluster ${cluster}`})`);
    const members = await (await Members.open(connection, {})).list();
    console.log(
      `${members.length} server(s) share the data: ${members.map(({ name: member }) => (typeof member === "string" ? member : "another server")).join(", ")}`,
    );
    for (const { name: stream, messages, bytes, replicas, leader, behind } of await describeStreams(connection)) {
      const lag = behind.map(({ server, operations, isOffline }) => `${server} ${isOffline ? "is offline" : `lacks ${operations}`}`);
      console.log(
        [stream, `${messages} messages`, `${bytes} bytes`, `${replicas} replica(s)`, leader ?? "", lag.join(", ")].join("\t").trimEnd(),
      );
    }
  });
};

/** Copies a data directory to NATS. */
export const clusterImport: Command = async (args) => {
  const { nats, from } = parseClusterOptions(PROGRAM, args, PREFIX);
  if (from === undefined) throw new TypeError("missing option --from <path>: the data directory to import");
  const load = async () => {
    const { SCHEMA } = await import("../open-stores.ts");
    return { schema: SCHEMA, open: (storage: ServerStorage) => Promise.resolve(storage.environment) };
  };
  await withDataDirectory({ dataDir: from, load, remedy: REMEDY }, async (environment) => {
    if (environment === undefined) return;
    await connected(nats, async (_, connection) => {
      const { importDirectory } = await import("../cluster/import-directory.ts");
      const { records, channels, entries, missing, welcomes, isRepeated } = await importDirectory(environment, connection);
      console.log(
        isRepeated
          ? `${from} was imported before: ${records} records, ${channels} channels`
          : `imported ${records} records, ${channels} channels with ${entries} entries (${missing} evicted), ${welcomes} Welcomes`,
      );
      console.log(`start the servers with the server key of the directory: SKYTALE_SERVER_KEY="$(cat ${from}/server.key)"`);
    });
  });
};

/** Copies all streams into files. */
export const clusterExport: Command = async (args) => {
  const { nats, positionals } = parseClusterOptions(PROGRAM, args, PREFIX);
  const directory = directoryOf(positionals, "export");
  await connected(nats, async ({ exportStreams }, connection) => {
    for (const [stream, messages] of await exportStreams(connection, directory)) console.log(`${stream}\t${messages} messages`);
  });
};

/** Creates all streams from files. */
export const clusterRestore: Command = async (args) => {
  const { nats, positionals } = parseClusterOptions(PROGRAM, args, PREFIX);
  const directory = directoryOf(positionals, "restore");
  await connected(nats, async ({ restoreStreams }, connection) => {
    for (const [stream, messages] of await restoreStreams(connection, directory)) console.log(`${stream}\t${messages} messages`);
  });
};

function directoryOf([directory, extra]: readonly string[], command: string): string {
  if (directory === undefined || extra !== undefined) throw new TypeError(`${PROGRAM} cluster ${command} needs one directory`);
  return directory;
}
