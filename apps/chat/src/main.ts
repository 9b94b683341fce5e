// Chat from two terminals: node dist/main.js <my name> <name of the other>. Needs LAYR8_NODE_URL and LAYR8_API_KEY.
import { createInterface } from "node:readline";
import { Client, logErrors, ParleyError } from "layr8";

const BASIC_MESSAGE = "https://didcomm.org/basicmessage/2.0/message";

const [me, other] = process.argv.slice(2);
if (me === undefined || other === undefined) {
  console.error("usage: node dist/main.js <my name> <name of the other>");
  process.exit(2);
}
const didOf = (name: string) => (name.startsWith("did:") ? name : `did:web:localhost:${name}`);

const client = new Client({ agentDid: didOf(me) }, logErrors());
client.handle(BASIC_MESSAGE, (message) => {
  console.log(`${other}: ${String(message.body["content"])}`);
});
client.onDisconnect(() => console.log("(disconnected from the node; reconnecting)"));
client.onReconnect(() => console.log("(connected again)"));
await client.connect();
console.log(`you are ${client.did}; write to ${didOf(other)}, end with Ctrl-D`);

const lines = createInterface({ input: process.stdin });
for await (const content of lines) {
  try {
    await client.send({ type: BASIC_MESSAGE, to: didOf(other), body: { content } });
  } catch (error) {
    console.log(`(not sent: ${ParleyError.from(error).message})`);
  }
}
await client.close();
