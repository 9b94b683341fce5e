// Handles orders durably. In its first life it never finishes. It writes a line when a handler begins.
import { Client, logErrors } from "layr8";

const [nodeUrl, apiKey, agentDid, life] = process.argv.slice(2);
const client = new Client({ nodeUrl, apiKey, agentDid, attachGrants: false }, logErrors());
client.handle(
  "https://shop.example/orders/1.0/create",
  ({ ack, id }) => {
    process.stdout.write(`began ${id}\n`);
    if (life !== "1") ack();
  },
  { manualAck: true },
);
await client.connect();
process.stdout.write("ready\n");
