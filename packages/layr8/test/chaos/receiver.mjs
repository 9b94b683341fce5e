// Handles messages and writes down what it handled: `<life> <sender> <number>`.
import { fsyncSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { connect, log, makeClient, note, role } from "./agent.mjs";
import { startLegacyProxy } from "./legacy-proxy.mjs";

const nodeUrl = role.legacy ? await startLegacyProxy(role.nodeUrl) : role.nodeUrl;
const client = makeClient(nodeUrl);

client.handle(
  "https://layr8.io/protocols/chaos/1.0/number",
  async (message) => {
    const { sender, number } = message.body;
    note(`${role.life} ${String(sender)} ${String(number)}`);
    if (role.durable) {
      fsyncSync(log);
      message.ack();
    } else {
      await turn();
    }
  },
  { manualAck: role.durable ?? false },
);
await connect(client);
