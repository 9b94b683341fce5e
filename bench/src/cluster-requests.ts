import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuTimeOf } from "./cpu-time.ts";
import { measure, type Sample } from "./harness.ts";
import { type NatsSetup, withNats } from "./nats-setups.ts";
import { Worker } from "./worker.ts";

const DURATION_MS = 1500;
/** Until the code of all processes is compiled. */
const ROUNDS_BEFORE = 2;
const DOMAIN = "node.example";
const API_KEY = "a key for the benchmark";
/** Three nodes on one NATS cluster show what more nodes cost. */
const NODES = 3;

/** Processor time for one request, by the kind of process, in microseconds. */
interface Split {
  readonly nodes: number;
  readonly nats: number;
  readonly agents: number;
}

interface Place {
  readonly name: string;
  readonly asking: readonly Worker[];
  /** Processes whose time counts. */
  readonly pids: Readonly<Record<keyof Split, readonly number[]>>;
  readonly splits: Split[];
}

const KINDS = ["nodes", "nats", "agents"] as const;

/** Request and response between agents of one node with a data directory, and of one to three nodes that share their data. */
export async function clusterRequests(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const workers: Worker[] = [];
  try {
    await withNats(async (setups) => {
      const bench = new RequestBench(workers);
      const places = [...(await bench.places("a data directory", [await bench.node({ dataDir })], []))];
      for (const setup of setups) places.push(...(await sharedPlaces(bench, setup)));
      await measureAll(places);
    });
  } finally {
    for (const worker of workers.toReversed()) await worker.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function sharedPlaces(bench: RequestBench, { name, urls, pids, replicas }: NatsSetup): Promise<readonly Place[]> {
  const count = name === "three NATS servers" ? NODES : 1;
  const shared = { nats: urls, natsReplicas: replicas, nodeKey: randomBytes(32).toString("base64") };
  const nodes: Node[] = [];
  for (let index = 0; index < count; index++) nodes.push(await bench.node({ ...shared, nodeName: `node-${index}` }));
  return bench.places(name, nodes, pids);
}

interface Node {
  readonly url: string;
  readonly pid: number;
}

class RequestBench {
  readonly #workers: Worker[];

  constructor(workers: Worker[]) {
    this.#workers = workers;
  }

  async node(options: object): Promise<Node> {
    const node = new Worker<{ readonly nodeUrl: string }>("node-role", {
      domain: DOMAIN,
      apiKeys: [{ key: API_KEY, dids: "any" }],
      ...options,
    });
    this.#workers.push(node);
    return { url: (await node.ready).nodeUrl, pid: node.pid };
  }

  /** Agents on the first node, on the first two, and so on. Each asks the one on the next node. */
  async places(name: string, nodes: readonly Node[], natsPids: readonly number[]): Promise<readonly Place[]> {
    const places: Place[] = [];
    for (let used = 1; used <= nodes.length; used++) {
      const some = nodes.slice(0, used);
      const dids = some.map((_, index) => `did:web:${DOMAIN}:echo-${used}-${index}`);
      const echoes = await this.#startAll(some.map(({ url }, index) => ["echo-role", url, { agentDids: [dids[index]] }]));
      const asking = await this.#startAll(
        some.map(({ url }, index) => ["asking-role", url, { pairs: [{ to: dids[(index + 1) % used] }] }]),
      );
      const pids = { nodes: some.map(({ pid }) => pid), nats: natsPids, agents: [...echoes, ...asking].map(({ pid }) => pid) };
      places.push({ name: nodes.length === 1 ? name : `${name}, ${used === 1 ? "one node" : `${used} nodes`}`, asking, pids, splits: [] });
    }
    return places;
  }

  async #startAll(roles: readonly (readonly [role: string, nodeUrl: string, argument: object])[]): Promise<readonly Worker[]> {
    const started = roles.map(([role, nodeUrl, argument]) => new Worker(role, { nodeUrl, apiKey: API_KEY, ...argument }));
    this.#workers.push(...started);
    for (const worker of started) await worker.ready;
    return started;
  }
}

async function measureAll(places: readonly Place[]): Promise<void> {
  for (let round = 0; round < ROUNDS_BEFORE; round++) for (const place of places) await rateOf(place, 64);
  for (const lanes of [1, 64]) {
    for (const { splits } of places) splits.length = 0;
    await measure({
      title: `Request and response, body of 64 bytes, ${lanes} in flight${lanes > 1 ? " in all" : " for each node"}`,
      unit: "requests/s",
      baseline: "a data directory",
      variants: places.map((place) => ({ name: place.name, run: () => rateOf(place, lanes) })),
    });
  }
  for (const kind of KINDS) {
    const values = new Map(places.map(({ name, splits }) => [name, splits.map((split) => split[kind])]));
    await measure({
      title: `CPU time of ${kind === "nats" ? "NATS servers" : kind} for one request and its response, 64 in flight`,
      unit: "µs",
      variants: places.map(({ name }) => ({ name, run: () => Promise.resolve(values.get(name)?.shift() ?? 0) })),
    });
  }
}

async function rateOf({ asking, pids, splits }: Place, lanes: number): Promise<Sample> {
  const question = { lanes: Math.max(1, Math.round(lanes / asking.length)), durationMs: DURATION_MS, length: 64 };
  const cpuTimes = (): readonly (number | undefined)[] => KINDS.map((kind) => cpuTimeOf(pids[kind]));
  const [startedAt, before] = [performance.now(), cpuTimes()];
  const rates = await Promise.all(asking.map((worker) => worker.ask<number>(question)));
  const value = rates.reduce((sum, rate) => sum + rate, 0);
  const count = (value * (performance.now() - startedAt)) / 1000;
  const after = cpuTimes();
  const [nodes = 0, nats = 0, agents = 0] = after.map((time = 0, index) => (time - (before[index] ?? 0)) / count);
  splits.push({ nodes, nats, agents });
  return { value, cpuUs: after.includes(undefined) ? undefined : nodes + nats + agents };
}
