// Sends one request to an echo agent: node dist/ask.js <did> <text>
import { Client, logErrors, ParleyError } from "layr8";

const [did, text = "hello"] = process.argv.slice(2);
if (did === undefined) {
  console.error("usage: node dist/ask.js <did of an echo agent> [text]");
  process.exit(2);
}

const client = new Client({}, logErrors());
try {
  await client.connect();
  const answer = await client.request(
    { type: "https://layr8.io/protocols/echo/1.0/request", to: did, body: { text } },
    { timeoutMs: 5000 },
  );
  console.log(JSON.stringify(answer.body));
} catch (error) {
  console.error(ParleyError.from(error).message);
  process.exitCode = 1;
} finally {
  await client.close();
}
