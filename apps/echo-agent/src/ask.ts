// Asks an echo agent once: node dist/ask.js <did> <text>
import { Client, logErrors } from "layr8";

const [did, text = "hello"] = process.argv.slice(2);
if (did === undefined) {
  console.error("usage: node dist/ask.js <did of an echo agent> [text]");
  process.exit(2);
}

await using client = new Client({}, logErrors());
await client.connect();
const answer = await client.request({ type: "https://layr8.io/protocols/echo/1.0/request", to: did, body: { text } }, { timeoutMs: 5000 });
console.log(JSON.stringify(answer.body));
