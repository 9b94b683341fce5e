// A relay and its API server in a process of their own.
import { keepHeapHeadroom } from "@parley/server-kit";
import { startSkytale } from "@parley/skytale-server";
import { argument, memoryInUse, serve } from "./worker.ts";

const CHANNEL = "bench/relay/one";

interface Argument {
  readonly dataDir?: string;
  readonly maxEntries?: number;
  /** Options of servers that share their data. Those after the first one get the API key and the channel of the first. */
  readonly shared?: {
    readonly nats: readonly string[];
    readonly natsReplicas: 1 | 3;
    readonly serverKey: string;
    readonly apiKey?: string;
  };
}

const { dataDir, maxEntries, shared } = argument() as Argument;
const unlimited = {
  messagesPerSecond: 1e9,
  bytesPerSecond: 1e12,
  workPerSecond: 1e9,
  maxStreamsPerAccount: 10_000,
  maxStoredBytesPerAccount: 2 ** 40,
  maxSubscriptions: 20_000,
  maxSubscriptionsPerAccount: 20_000,
};
const server = await startSkytale({
  port: 0,
  relayPort: 0,
  logger: false,
  limits: { relay: unlimited, api: { requestsPerSecond: 1e6 } },
  ...(maxEntries !== undefined && { retention: { maxEntries, maxBytes: 2 ** 40 } }),
  ...(dataDir !== undefined && { dataDir }),
  ...(shared && { nats: shared.nats, natsReplicas: shared.natsReplicas, serverKey: Buffer.from(shared.serverKey, "base64") }),
});
// As the server's program does.
keepHeapHeadroom();
const apiKey = server.apiKey ?? shared?.apiKey ?? "";
const { token } = await post<{ token: string }>("/v1/tokens", { audience: ["skytale-relay"] });
if (shared?.apiKey === undefined) await post("/v1/channels", { name: CHANNEL });
let channels = 1;
/** `channels`: creates channels up to this number, and returns the names of the new ones. Otherwise the memory in use is returned. */
serve({ url: server.relayUrl, token, channel: CHANNEL, apiKey }, async ({ channels: wanted }: { readonly channels?: number }) => {
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
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
  const response = await fetch(server.apiUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}`);
  return (await response.json()) as Answer;
}
