import { createServer, type AddressInfo } from "node:net";
import { startNode } from "../../src/node.ts";
import type { Layr8Node } from "../../src/layr8-node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { RawAgent, type RawJoin } from "../raw-agent.ts";

export const ECHO = "https://layr8.io/protocols/echo/1.0";
export const REPORT = "https://didcomm.org/report-problem/2.0/problem-report";
export const ALICE = "did:web:a.localhost:alice";
export const BOB = "did:web:b.localhost:bob";
export const OK = { status: "ok", response: {} };
export const KEY = "a-key-that-lives-through-restarts";

/** A port without a listener. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Two nodes that know each other by name: agents of the first are `did:web:a.localhost:…`, those of the other `did:web:b.localhost:…`. */
export class Pair {
  readonly ports: Readonly<Record<"a" | "b", number>>;
  readonly #nodes = new Map<"a" | "b", Layr8Node>();
  readonly #options: Readonly<Record<"a" | "b", NodeOptions>>;
  readonly #agents: RawAgent[] = [];
  /** Where each node finds the other. */
  readonly hosts: Record<string, string>;

  private constructor(ports: Readonly<Record<"a" | "b", number>>, options: { readonly a?: NodeOptions; readonly b?: NodeOptions }) {
    this.ports = ports;
    this.#options = { a: options.a ?? {}, b: options.b ?? {} };
    this.hosts = { "a.localhost": `http://127.0.0.1:${ports.a}`, "b.localhost": `http://127.0.0.1:${ports.b}` };
  }

  /** Starts both. */
  static async start(options: { readonly a?: NodeOptions; readonly b?: NodeOptions } = {}): Promise<Pair> {
    const pair = await Pair.prepare(options);
    await pair.open("a");
    await pair.open("b");
    return pair;
  }

  /** Starts none. */
  static async prepare(options: { readonly a?: NodeOptions; readonly b?: NodeOptions } = {}): Promise<Pair> {
    return new Pair({ a: await freePort(), b: await freePort() }, options);
  }

  get a(): Layr8Node {
    return this.node("a");
  }

  get b(): Layr8Node {
    return this.node("b");
  }

  node(name: "a" | "b"): Layr8Node {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`Node ${name} does not run`);
    return node;
  }

  async open(name: "a" | "b"): Promise<Layr8Node> {
    const node = await startNode({
      port: this.ports[name],
      domain: `${name}.localhost`,
      logger: false,
      apiKeys: [{ key: KEY, dids: "any" }],
      ...this.#options[name],
      resolution: { hosts: this.hosts, ...this.#options[name].resolution },
    });
    this.#nodes.set(name, node);
    return node;
  }

  async stop(name: "a" | "b"): Promise<void> {
    await this.#nodes.get(name)?.close();
    this.#nodes.delete(name);
  }

  async agent(name: "a" | "b", did: string, join: RawJoin = {}): Promise<RawAgent> {
    const agent = await RawAgent.join(this.node(name), { did, protocols: [ECHO], apiKey: KEY, ...join });
    this.#agents.push(agent);
    return agent;
  }

  alice(join: RawJoin = {}): Promise<RawAgent> {
    return this.agent("a", ALICE, join);
  }

  bob(join: RawJoin = {}): Promise<RawAgent> {
    return this.agent("b", BOB, join);
  }

  /** A value of a node's metrics; 0 if it isn't there. */
  async metric(name: "a" | "b", metric: string): Promise<number> {
    const text = await (await fetch(`${this.node(name).httpUrl}/metrics`)).text();
    const line = text.split("\n").find((candidate) => candidate.startsWith(`layr8_node_${metric} `));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  /** Calls a node's REST API. The call must succeed. */
  async rest(name: "a" | "b", path: string, body: object): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.node(name).httpUrl}/api/v1/${path}`, {
      method: "POST",
      headers: { "x-api-key": KEY, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return answer;
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) agent.close();
    await Promise.all([this.stop("a"), this.stop("b")]);
  }
}

/** A message from Alice to Bob. */
export function toBob(id: string, more: object = {}): Record<string, unknown> {
  return { id, type: `${ECHO}/request`, from: ALICE, to: [BOB], body: { n: id }, ...more };
}
