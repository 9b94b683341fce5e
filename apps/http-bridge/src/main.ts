// REST calls become DIDComm requests. Needs LAYR8_NODE_URL and LAYR8_API_KEY; listens on PORT (default 8080), loopback only.
import { Client, logErrors } from "layr8";
import { createBridge } from "./bridge.ts";

const client = new Client({}, logErrors());
await client.connect();
const bridge = createBridge(client);
const address = await bridge.listen({ port: Number(process.env["PORT"] ?? 8080), host: "127.0.0.1" });
console.log(`${client.did} takes REST calls at ${address}/requests`);

async function stop(): Promise<void> {
  await bridge.close();
  await client.close();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
