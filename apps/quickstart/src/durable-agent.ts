// The agent that the quickstart kills: it handles orders with manual acknowledgement.
// With DIE_BEFORE_ACK set, it kills itself with SIGKILL between receiving an order and acknowledging it.
import { Client, logErrors } from "layr8";

const client = new Client({}, logErrors());
client.handle(
  "https://layr8.io/protocols/order/1.0/created",
  (message) => {
    process.stdout.write(`got ${message.id}\n`, () => {
      if (process.env["DIE_BEFORE_ACK"] !== undefined) process.kill(process.pid, "SIGKILL");
      message.ack();
      process.stdout.write(`acknowledged ${message.id}\n`);
    });
  },
  { manualAck: true },
);
await client.connect();
process.stdout.write(`ready ${client.did}\n`);
