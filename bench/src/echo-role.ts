// Agents that answer, in a process of their own.
import { Client, logErrors } from "layr8";
import { argument, serve } from "./worker.ts";

const { agentDids, ...node } = argument() as { nodeUrl: string; apiKey: string; agentDids: readonly string[] };
await Promise.all(
  agentDids.map((agentDid) => {
    const client = new Client({ ...node, agentDid }, logErrors());
    client.handle("https://layr8.io/protocols/echo/1.0/request", (message) => ({
      type: "https://layr8.io/protocols/echo/1.0/response",
      body: message.body,
    }));
    return client.connect();
  }),
);
serve({}, async () => 0);
