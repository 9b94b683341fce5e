// An agent that answers, in a process of its own.
import { Client, logErrors } from "layr8";
import { argument, serve } from "./worker.ts";

const client = new Client(argument() as { nodeUrl: string; apiKey: string; agentDid: string }, logErrors());
client.handle("https://layr8.io/protocols/echo/1.0/request", (message) => ({
  type: "https://layr8.io/protocols/echo/1.0/response",
  body: message.body,
}));
await client.connect();
serve({ did: client.did }, async () => 0);
