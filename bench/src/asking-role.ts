// An agent that asks as fast as it can, in a process of its own.
import { Client, logErrors } from "layr8";
import { argument, rate, serve } from "./worker.ts";

const { to, ...config } = argument() as { nodeUrl: string; apiKey: string; to: string };
const client = new Client(config, logErrors());
await client.connect();
serve({ did: client.did }, ({ lanes, durationMs, length }: { lanes: number; durationMs: number; length: number }) => {
  const body = { text: "x".repeat(length) };
  return rate(lanes, durationMs, () =>
    client.request({ type: "https://layr8.io/protocols/echo/1.0/request", to, body }, { timeoutMs: 30_000 }),
  );
});
