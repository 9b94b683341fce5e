import type { JetstreamConnection } from "./connection.ts";
import { Members } from "./members.ts";
import { describeStreams } from "./stream-status.ts";

/** Lines about the NATS server, the servers that share the connection's prefix, and its streams. @throws StorageError `storage_failed` */
export async function describeCluster(connection: JetstreamConnection): Promise<readonly string[]> {
  const { server_name: name = "", version = "", cluster } = connection.nc.info ?? {};
  const members = await namesOf(connection);
  const lines = [
    `nats-server ${version} (${name}${cluster === undefined ? "" : `, cluster ${cluster}`})`,
    `${members.length} server(s) share the data: ${members.join(", ")}`,
  ];
  for (const { name: stream, messages, bytes, replicas, leader, behind } of await describeStreams(connection)) {
    const lag = behind.map(({ server, operations, isOffline }) => `${server} ${isOffline ? "is offline" : `lacks ${operations}`}`);
    const columns = [stream, `${messages} messages`, `${bytes} bytes`, `${replicas} replica(s)`, leader ?? "", lag.join(", ")];
    lines.push(columns.join("\t").trimEnd());
  }
  return lines;
}

/** Checks that no server uses the data, for commands that write it. @throws TypeError with their names; StorageError `storage_failed` */
export async function assertNoMembers(connection: JetstreamConnection): Promise<void> {
  const names = await namesOf(connection);
  if (names.length > 0) throw new TypeError(`Servers are running there: ${names.join(", ")}. Stop them, and wait for ten seconds`);
}

async function namesOf(connection: JetstreamConnection): Promise<readonly string[]> {
  const members = await (await Members.open(connection, {})).list();
  return members.map(({ name }) => (typeof name === "string" ? name : "another server"));
}
