// A relay and its API server in a process of their own.
import { startSkytale } from "@parley/skytale-server";
import { argument, memoryInUse, serve } from "./worker.ts";

const CHANNEL = "bench/relay/one";

const { dataDir, maxEntries } = argument() as { dataDir?: string; maxEntries?: number };
const unlimited = { messagesPerSecond: 1e9, bytesPerSecond: 1e12, maxStreamsPerAccount: 10_000, maxStoredBytesPerAccount: 2 ** 40 };
const server = await startSkytale({
  port: 0,
  relayPort: 0,
  logger: false,
  limits: { relay: unlimited, api: { requestsPerSecond: 1e6 } },
  ...(maxEntries !== undefined && { retention: { maxEntries, maxBytes: 2 ** 40 } }),
  ...(dataDir !== undefined && { dataDir }),
});
const { token } = await post<{ token: string }>("/v1/tokens", { audience: ["skytale-relay"] });
await post("/v1/channels", { name: CHANNEL });
let channels = 1;
/** `channels`: creates channels up to this number, and returns the names of the new ones. Otherwise the memory in use is returned. */
serve({ url: server.relayUrl, token, channel: CHANNEL }, async ({ channels: wanted }: { readonly channels?: number }) => {
  if (wanted !== undefined) return createChannels(wanted);
  return memoryInUse();
});

async function createChannels(wanted: number): Promise<{ readonly names: readonly string[] }> {
  const names: string[] = [];
  for (; channels < wanted; channels++) {
    const name = `bench/relay/channel-${channels}`;
    await post("/v1/channels", { name });
    names.push(name);
  }
  return { names };
}

async function post<Answer>(path: string, body: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${server.apiKey ?? ""}`, "content-type": "application/json" };
  const response = await fetch(server.apiUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}`);
  return (await response.json()) as Answer;
}
