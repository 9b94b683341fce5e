import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createParty } from "./didcomm-crypto-parties.ts";
import { measure } from "./harness.ts";
import { Worker } from "./worker.ts";

const DURATION_MS = 1500;
const PAIRS = 16;
const CEILING = "pack, POST, unpack alone";
const API_KEY = "a-key-for-all-agents-of-the-bench";

/** Where asking agents and answering ones are. */
interface Place {
  readonly name: string;
  readonly worker: Worker;
}

/** Starts roles, and remembers them so that all can be stopped. */
type Start = <Ready>(role: string, argument: unknown) => Promise<{ worker: Worker<Ready>; ready: Ready }>;

/** Request and response between agents of two nodes, beside the same through one node, and beside the least that two nodes would have to do. */
export async function crossNode(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const workers: Worker[] = [];
  const start = async <Ready>(role: string, argument: unknown): Promise<{ worker: Worker<Ready>; ready: Ready }> => {
    const worker = new Worker<Ready>(role, argument);
    workers.push(worker);
    return { worker, ready: await worker.ready };
  };
  try {
    const places: Place[] = [
      { name: "two nodes, durable", worker: await agents(start, await twoNodes(start, folder)) },
      { name: "two nodes, in memory", worker: await agents(start, await twoNodes(start)) },
      { name: "one node, durable", worker: await agents(start, await oneNode(start, folder)) },
      { name: "one node, in memory", worker: await agents(start, await oneNode(start)) },
    ];
    const ceiling = { name: CEILING, worker: await ceilingOf(start) };
    for (const { worker } of [...places, ceiling])
      await worker.ask<number>({ pairs: PAIRS, lanes: 64, durationMs: DURATION_MS, length: 64 });
    for (const [pairs, lanes] of [
      [1, 1],
      [1, 64],
      [PAIRS, 64],
    ] as const) {
      await measure({
        title: `Request and response across nodes, body of 64 bytes, ${lanes} in flight, ${pairs === 1 ? "one pair" : `${pairs} pairs`}`,
        unit: "requests/s",
        baseline: CEILING,
        variants: [...places, ceiling].map(({ name, worker }) => ({
          name,
          run: () => worker.ask<number>({ pairs, lanes, durationMs: DURATION_MS, length: 64 }),
        })),
      });
    }
  } finally {
    for (const worker of workers.toReversed()) await worker.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A node for those who ask, and one for those who answer. */
interface Nodes {
  readonly asking: { readonly nodeUrl: string; readonly domain: string };
  readonly answering: { readonly nodeUrl: string; readonly domain: string };
}

async function twoNodes(start: Start, folder?: string): Promise<Nodes> {
  const ports = { a: await freePort(), b: await freePort() };
  const hosts = { "a.localhost": `http://127.0.0.1:${ports.a}`, "b.localhost": `http://127.0.0.1:${ports.b}` };
  const node = async (name: "a" | "b"): Promise<Nodes["asking"]> => {
    const domain = `${name}.localhost`;
    const dataDir = folder === undefined ? {} : { dataDir: join(folder, name) };
    // The limit for one sender on another node is not what is measured.
    const limits = { remoteMessagesPerSecond: 100_000 };
    const apiKeys = [{ key: API_KEY, dids: "any" }];
    const { ready } = await start<{ nodeUrl: string }>("node-role", {
      ...dataDir,
      port: ports[name],
      domain,
      resolution: { hosts },
      limits,
      apiKeys,
    });
    return { nodeUrl: ready.nodeUrl, domain };
  };
  return { asking: await node("a"), answering: await node("b") };
}

async function oneNode(start: Start, folder?: string): Promise<Nodes> {
  const dataDir = folder === undefined ? {} : { dataDir: join(folder, "one") };
  const { ready } = await start<{ nodeUrl: string }>("node-role", { ...dataDir, apiKeys: [{ key: API_KEY, dids: "any" }] });
  const node = { nodeUrl: ready.nodeUrl, domain: "localhost" };
  return { asking: node, answering: node };
}

/** Pairs of agents; returns those who ask. */
async function agents(start: Start, { asking, answering }: Nodes): Promise<Worker> {
  const names = Array.from({ length: PAIRS }, (_, index) => index);
  const agentDids = names.map((name) => `did:web:${answering.domain}:echo-${name}`);
  await start("echo-role", { nodeUrl: answering.nodeUrl, apiKey: API_KEY, agentDids });
  const pairs = agentDids.map((to, name) => ({ agentDid: `did:web:${asking.domain}:asking-${name}`, to }));
  return (await start("asking-role", { nodeUrl: asking.nodeUrl, apiKey: API_KEY, pairs })).worker;
}

async function ceilingOf(start: Start): Promise<Worker> {
  const [asking, answering] = [createParty("did:example:asking"), createParty("did:example:answering")];
  const { ready } = await start<{ port: number }>("cross-node-ceiling-role", { self: answering, other: asking });
  return (await start("cross-node-ceiling-role", { self: asking, other: answering, port: ready.port })).worker;
}

/** The nodes have to know where the other one is before it runs. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
