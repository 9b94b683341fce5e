// An agent that sends to one recipient, in a process of its own.
import { Client, logErrors } from "layr8";
import { argument, serve } from "./worker.ts";

const LANES = 64;

const { to, ...node } = argument() as { nodeUrl: string; apiKey: string; to: string };
const client = new Client({ ...node, agentDid: "did:web:localhost:sender" }, logErrors());
await client.connect();
// The recipient exists once it has connected, and it never does again.
const recipient = new Client({ ...node, agentDid: to }, logErrors());
await recipient.connect();
await recipient.close();

serve({}, async ({ messages }: { messages: number }) => {
  const started = performance.now();
  let sent = 0;
  const lane = async (): Promise<void> => {
    while (sent++ < messages) await client.send({ type: "https://layr8.io/protocols/note/1.0/note", to, body: { text: "x".repeat(64) } });
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return ((performance.now() - started) / messages) * 1000;
});
