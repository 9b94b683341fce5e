// Writes orders to a file, one JSON line each, and acknowledges an order only after it is on disk.
// node dist/main.js [file]   Needs LAYR8_NODE_URL, LAYR8_API_KEY and LAYR8_AGENT_DID.
import { open } from "node:fs/promises";
import { Client, logErrors, ParleyError } from "layr8";

const ORDER = "https://layr8.io/protocols/order/1.0";
const file = await open(process.argv[2] ?? "orders.jsonl", "a", 0o600);

const client = new Client({}, logErrors());

client.handle(
  `${ORDER}/created`,
  async (message) => {
    // If this fails, the message is not acknowledged, and the node redelivers it.
    await file.appendFile(`${JSON.stringify({ id: message.id, from: message.from, body: message.body })}\n`);
    await file.datasync();
    message.ack();
    console.log(`stored ${message.id}`);
  },
  { manualAck: true },
);

try {
  await client.connect();
} catch (error) {
  console.error(ParleyError.from(error).message);
  process.exit(1);
}
console.log(`taking orders as ${client.did}`);

async function stop(): Promise<void> {
  await client.close();
  await file.close();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
