import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createParty } from "./didcomm-crypto-parties.ts";
import { freePort } from "./free-port.ts";
import { measure } from "./harness.ts";
import { CHECKOUTS, Processes } from "./processes.ts";
import type { Worker } from "./worker.ts";

const DURATION_MS = 1000;
const PAIRS = 16;
const CEILING = "pack, POST, unpack alone";
/** What two nodes with data directories would have to do at least. */
const STORED = "the same, stored";
const API_KEY = "a-key-for-all-agents-of-the-bench";

/** Asking agents, and all processes that take part. */
interface Place {
  readonly name: string;
  readonly processes: Processes;
  readonly asking: Worker;
}

/** Request and response between agents of two nodes, beside the same through one node, and beside the least that two nodes would have to do. */
export async function crossNode(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const places: Place[] = [];
  const running: Processes[] = [];
  try {
    for (const checkout of CHECKOUTS) {
      const dataDir = join(folder, `data${checkout.suffix}`);
      const variants: Readonly<Record<string, (processes: Processes) => Promise<Worker>>> = {
        "two nodes, durable": async (processes) => agents(processes, await twoNodes(processes, dataDir)),
        "two nodes, in memory": async (processes) => agents(processes, await twoNodes(processes)),
        "one node, durable": async (processes) => agents(processes, await oneNode(processes, dataDir)),
        "one node, in memory": async (processes) => agents(processes, await oneNode(processes)),
      };
      for (const [name, start] of Object.entries(variants)) {
        const processes = new Processes(checkout);
        running.push(processes);
        places.push({ name: name + checkout.suffix, processes, asking: await start(processes) });
      }
    }
    for (const [name, options] of [
      [STORED, { dataDir: join(folder, "alone") }],
      [CEILING, {}],
    ] as const) {
      const processes = new Processes();
      running.push(processes);
      places.push({ name, processes, asking: await ceilingOf(processes, options) });
    }
    for (const { processes: roles, asking } of places) await roles.warmUp(asking, { pairs: PAIRS, lanes: 64, length: 64 });
    for (const [pairs, lanes] of [
      [1, 1],
      [1, 64],
      [PAIRS, 64],
    ] as const) {
      await measure({
        title: `Request and response across nodes, body of 64 bytes, ${lanes} in flight, ${pairs === 1 ? "one pair" : `${pairs} pairs`}`,
        unit: "requests/s",
        baseline: CEILING,
        variants: places.map(({ name, processes, asking }) => ({
          name,
          run: () => processes.rate(asking, { pairs, lanes, durationMs: DURATION_MS, length: 64 }),
        })),
      });
    }
  } finally {
    for (const processes of running) await processes.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A node for those who ask, and one for those who answer. */
interface Nodes {
  readonly asking: { readonly nodeUrl: string; readonly domain: string };
  readonly answering: { readonly nodeUrl: string; readonly domain: string };
}

async function twoNodes(processes: Processes, folder?: string): Promise<Nodes> {
  const ports = { a: await freePort(), b: await freePort() };
  const hosts = { "a.localhost": `http://127.0.0.1:${ports.a}`, "b.localhost": `http://127.0.0.1:${ports.b}` };
  const node = async (name: "a" | "b"): Promise<Nodes["asking"]> => {
    const domain = `${name}.localhost`;
    const dataDir = folder === undefined ? {} : { dataDir: join(folder, name) };
    // The limit for one sender on another node is not what is measured.
    const limits = { remoteMessagesPerSecond: 100_000 };
    const apiKeys = [{ key: API_KEY, dids: "any" }];
    const { ready } = await processes.start<{ nodeUrl: string }>("node-role", {
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

async function oneNode(processes: Processes, folder?: string): Promise<Nodes> {
  const dataDir = folder === undefined ? {} : { dataDir: join(folder, "one") };
  const { ready } = await processes.start<{ nodeUrl: string }>("node-role", { ...dataDir, apiKeys: [{ key: API_KEY, dids: "any" }] });
  const node = { nodeUrl: ready.nodeUrl, domain: "localhost" };
  return { asking: node, answering: node };
}

/** Pairs of agents; returns those who ask. */
async function agents(processes: Processes, { asking, answering }: Nodes): Promise<Worker> {
  const names = Array.from({ length: PAIRS }, (_, index) => index);
  const agentDids = names.map((name) => `did:web:${answering.domain}:echo-${name}`);
  await processes.start("echo-role", { nodeUrl: answering.nodeUrl, apiKey: API_KEY, agentDids });
  const pairs = agentDids.map((to, name) => ({ agentDid: `did:web:${asking.domain}:asking-${name}`, to }));
  return (await processes.start("asking-role", { nodeUrl: asking.nodeUrl, apiKey: API_KEY, pairs })).worker;
}

async function ceilingOf(processes: Processes, { dataDir }: { readonly dataDir?: string }): Promise<Worker> {
  const at = (name: string): object => (dataDir === undefined ? {} : { dataDir: join(dataDir, name) });
  const [asking, answering] = [createParty("did:example:asking"), createParty("did:example:answering")];
  const { ready } = await processes.start<{ port: number }>("cross-node-ceiling-role", {
    self: answering,
    other: asking,
    ...at("answering"),
  });
  return (await processes.start("cross-node-ceiling-role", { self: asking, other: answering, port: ready.port, ...at("asking") })).worker;
}
