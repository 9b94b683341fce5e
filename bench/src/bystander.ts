// npm run bystander [-- part of an attack's name …]: how long others wait while one account, key or stranger does its worst.
//
// Server, attacker and an HTTP server that does nothing ("machine") are processes of their own; the bystander's calls are timed here. Nothing
// is asserted: the table is to be read.
import { request, Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { RelayClient } from "@parley/skytale-relay";
import { Client, logErrors } from "layr8";
import { measureLatency, type Latency } from "./bystander/latency.ts";
import { Worker } from "./worker.ts";

const SECONDS = Number(process.env["BYSTANDER_SECONDS"] ?? 8);
const IDLE = "idle";

/** What the bystander does, and with which attacks it is measured. */
interface Scene {
  readonly name: string;
  readonly attacks: readonly string[];
  /** Whose attacker it has. Default: its name. */
  readonly role?: string;
  /** Starts the server; gives the bystander's call, and what an attacker is started with. */
  start(): Promise<{ readonly call: () => Promise<unknown>; readonly attacker: object; readonly stop: () => Promise<void> }>;
}

function get(url: string, agent: Agent, headers: Record<string, string> = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, headers }, (response) => {
      response.resume().on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error(`HTTP ${response.statusCode}`))));
    });
    call.on("error", reject).end();
  });
}

type SkytaleServer = { readonly apiUrl: string; readonly relayUrl: string; readonly attacker: string; readonly bystander: string };

/** A bystander that publishes on the relay while the API is flooded. */
const relay = (name: string, workers: boolean): Scene => ({
  name,
  attacks: ["api-calls", "api-forged-tokens"],
  role: "skytale",
  async start() {
    const server = new Worker<SkytaleServer>("bystander/skytale-role", { workers });
    const { apiUrl, relayUrl, attacker, bystander } = await server.ready;
    const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
      const headers = { authorization: `Bearer ${bystander}`, "content-type": "application/json" };
      const answer = await fetch(apiUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
      return (await answer.json()) as Record<string, unknown>;
    };
    const channel = "bystander/team/general";
    await post("/v1/channels", { name: channel });
    const client = new RelayClient({ url: relayUrl, token: async () => String((await post("/v1/tokens", {}))["token"]) });
    await client.connect();
    const call = () => client.publish(channel, { kind: "application", epoch: 1n, payload: Buffer.from("hello") });
    const stop = async () => {
      await client.close();
      await server.stop();
    };
    return { call, attacker: { apiUrl, relayUrl, key: attacker }, stop };
  },
});

const skytale: Scene = {
  name: "skytale",
  attacks: [
    "waiters",
    "subscriptions",
    "refused-subscriptions",
    "heads",
    "unread-answers",
    "silent-relay-connections",
    "silent-api-connections",
  ],
  async start() {
    const server = new Worker<SkytaleServer>("bystander/skytale-role", { workers: false });
    const { apiUrl, relayUrl, attacker, bystander } = await server.ready;
    const agent = new Agent({ keepAlive: true });
    const call = () => get(`${apiUrl}/v1/accounts/me`, agent, { authorization: `Bearer ${bystander}` });
    return { call, attacker: { apiUrl, relayUrl, key: attacker }, stop: () => server.stop() };
  },
};

const layr8: Scene = {
  name: "layr8",
  attacks: [
    "stranger's-queries",
    "own-queries",
    "many-dids",
    "inbox-of-another",
    "reconnections",
    "silent-connections",
    "kept-alive-connections",
    "posts-of-one-byte",
  ],
  async start() {
    const server = new Worker<{ nodeUrl: string; httpUrl: string; attacker: string; bystander: string }>("bystander/layr8-role", {});
    const { nodeUrl, httpUrl, attacker, bystander } = await server.ready;
    const echo = "https://layr8.io/protocols/echo/1.0";
    const config = (name: string) => ({ nodeUrl, apiKey: bystander, agentDid: `did:web:localhost:bystander:${name}` });
    const [asked, asking] = [new Client(config("asked"), logErrors()), new Client(config("asking"), logErrors())];
    asked.handle(`${echo}/request`, ({ body }) => ({ type: `${echo}/response`, body }));
    await Promise.all([asked.connect(), asking.connect()]);
    const call = () => asking.request({ type: `${echo}/request`, to: asked.did, body: {} });
    const stop = async () => {
      await Promise.allSettled([asked.close(), asking.close()]);
      await server.stop();
    };
    return { call, attacker: { nodeUrl, httpUrl, key: attacker }, stop };
  },
};

const number = (value: number): string => (value === Infinity ? "–" : value.toFixed(1)).padStart(8);

function print(name: string, { p50, p99, max, failed }: Latency, machine: Latency, after?: Latency): void {
  const outlives = after === undefined ? "" : number(after.p99);
  console.log(`${name.padEnd(36)}${number(p50)}${number(p99)}${number(max)}${String(failed).padStart(8)}${number(machine.p99)}${outlives}`);
}

async function measure(scene: Scene, attack: string, machine: () => Promise<unknown>): Promise<void> {
  const { call, attacker, stop } = await scene.start();
  const both = (seconds: number) => Promise.all([measureLatency(seconds * 1000, call), measureLatency(seconds * 1000, machine)]);
  try {
    if (attack === IDLE) return print(`${scene.name} ${IDLE}`, ...(await both(SECONDS)));
    const worker = new Worker(`bystander/${scene.role ?? scene.name}-attack-role`, { ...attacker, attack });
    await worker.ready;
    await delay(2000);
    const [during, machineDuring] = await both(SECONDS);
    await worker.stop().catch(() => console.log(`  the attacker of ${attack} had ended before`));
    await delay(2000);
    const [after] = await both(3);
    print(`${scene.name} ${attack}`, during, machineDuring, after);
  } finally {
    await stop();
  }
}

const names = process.argv.slice(2);
const bare = new Worker<{ url: string }>("bystander/bare-role", {});
const { url } = await bare.ready;
const agent = new Agent({ keepAlive: true });
console.log(`Milliseconds of a bystander's calls, one each 20 ms for ${SECONDS} s; – is more than 20 s, or failed`);
console.log(`${"".padEnd(36)}     p50     p99     max  failed machine   after`);
for (const scene of [layr8, skytale, relay("relay", false), relay("relay-workers", true)]) {
  for (const attack of [IDLE, ...scene.attacks]) {
    const full = `${scene.name} ${attack}`;
    if (names.length > 0 && !names.some((name) => full.includes(name))) continue;
    await measure(scene, attack, () => get(url, agent)).catch((error: unknown) => console.log(`${full}: ${String(error)}`));
  }
}
await bare.stop();
process.exit();
