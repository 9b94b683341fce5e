// Translates REST calls to DIDComm requests. Needs LAYR8_NODE_URL and LAYR8_API_KEY; listens on PORT (default 8080), loopback only.
import { Client, logErrors, ParleyError } from "layr8";
import { createBridge } from "./bridge.ts";

const client = new Client({}, logErrors());
await client.connect();
const bridge = createBridge(client);
const port = Number(process.env["PORT"] ?? 8080);
const address = await bridge.listen({ port, host: "127.0.0.1" }).catch((error: unknown) => {
  console.error(`Port ${port} of 127.0.0.1 cannot be used (${ParleyError.from(error).message}): set PORT to another port`);
  process.exit(1);
});
console.log(`${client.did} takes REST calls at ${address}/requests`);

async function stop(): Promise<void> {
  await bridge.close();
  await client.close();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
