// A JetStream server with one replica and files on disk, and a stream that retains what the clients publish.
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { startNats } from "@parley/test-nats";
import { argument, serve } from "./worker.ts";

const STREAM = "bench";
/** More than one round publishes: older messages are removed. */
const MAX_MESSAGES = 100_000;

const { syncAlways } = argument() as { syncAlways: boolean };
const { urls, servers, stop } = await startNats({ syncAlways });
const connection = await connect({ servers: [...urls] });
const manager = await jetstreamManager(connection);
await manager.streams.add({ name: STREAM, subjects: [STREAM], storage: "file", max_msgs: MAX_MESSAGES });
await connection.close();
const pid = servers[0]?.pid;
serve({ url: urls[0], stream: STREAM, pid }, async () => {
  await stop();
  return 0;
});
