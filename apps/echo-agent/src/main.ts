// An agent that echoes requests. Run it with LAYR8_NODE_URL and LAYR8_API_KEY set; LAYR8_AGENT_DID is optional.
import { Client, logErrors, ParleyError } from "layr8";

const ECHO = "https://layr8.io/protocols/echo/1.0";

const client = new Client({}, logErrors());

client.handle(`${ECHO}/request`, (message) => {
  console.log(`${message.from} says ${JSON.stringify(message.body)}`);
  return { type: `${ECHO}/response`, body: message.body };
});

client.onDisconnect((reason) => console.log(`disconnected: ${reason.message}`));
client.onReconnect(() => console.log("reconnected"));

try {
  await client.connect();
} catch (error) {
  console.error(ParleyError.from(error).message);
  process.exit(1);
}
console.log(`echoing as ${client.did}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void client.close());
