// A relay and its API server in a process of their own.
import { startSkytale } from "@parley/skytale-server";
import { argument, serve } from "./worker.ts";

const CHANNEL = "bench/relay/one";

const { dataDir } = argument() as { dataDir?: string };
const unlimited = { messagesPerSecond: 1e9, bytesPerSecond: 1e12, maxStreamsPerAccount: 10_000 };
const server = await startSkytale({
  port: 0,
  relayPort: 0,
  logger: false,
  limits: { relay: unlimited },
  ...(dataDir !== undefined && { dataDir }),
});
const { token } = await post<{ token: string }>("/v1/tokens", { audience: ["skytale-relay"] });
await post("/v1/channels", { name: CHANNEL });
serve({ url: server.relayUrl, token, channel: CHANNEL }, async () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
});

async function post<Answer>(path: string, body: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${server.apiKey ?? ""}`, "content-type": "application/json" };
  const response = await fetch(server.apiUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}`);
  return (await response.json()) as Answer;
}
