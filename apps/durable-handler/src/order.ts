// Sends an order: node dist/order.js <did of the handler> <item>. Needs LAYR8_NODE_URL and LAYR8_API_KEY.
import { Client, logErrors, ParleyError } from "layr8";

const [to, item] = process.argv.slice(2);
if (to === undefined || item === undefined) {
  console.error("usage: node dist/order.js <did of the handler> <item>");
  process.exit(2);
}

const client = new Client({ agentDid: "did:web:localhost:customer" }, logErrors());
try {
  await client.connect();
  // Resolves once the order is on the disk of the node. The handler need not be running.
  const { id } = await client.send({ type: "https://layr8.io/protocols/order/1.0/created", to, body: { item } });
  console.log(`ordered ${item} as ${id}`);
} catch (error) {
  console.error(ParleyError.from(error).message);
  process.exitCode = 1;
} finally {
  await client.close();
}
