import { request } from "node:http";
import { freePort } from "@parley/test-assertions";
import { expect } from "vitest";
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

/** What starts the node of a domain, or several nodes that look like one. Resolves to the nodes, the one that agents connect to first. */
export type NodeStarter = (name: "a" | "b", options: NodeOptions) => Promise<readonly Layr8Node[]>;

/** Two nodes that know each other by name: agents of the first are `did:web:a.localhost:…`, those of the other `did:web:b.localhost:…`. */
export class Pair {
  readonly ports: Readonly<Record<"a" | "b", number>>;
  readonly #nodes = new Map<"a" | "b", readonly Layr8Node[]>();
  readonly #startNodes: NodeStarter;
  readonly #options: Readonly<Record<"a" | "b", NodeOptions>>;
  readonly #agents: RawAgent[] = [];
  /** Where each node finds the other. */
  readonly hosts: Record<string, string>;

  private constructor(
    ports: Readonly<Record<"a" | "b", number>>,
    options: { readonly a?: NodeOptions; readonly b?: NodeOptions },
    startNodes: NodeStarter = async (_, complete) => [await startNode(complete)],
  ) {
    this.ports = ports;
    this.#startNodes = startNodes;
    this.#options = { a: options.a ?? {}, b: options.b ?? {} };
    this.hosts = { "a.localhost": `http://127.0.0.1:${ports.a}`, "b.localhost": `http://127.0.0.1:${ports.b}` };
  }

  /** Starts both. */
  static async start(options: { readonly a?: NodeOptions; readonly b?: NodeOptions } = {}, startNodes?: NodeStarter): Promise<Pair> {
    const pair = await Pair.prepare(options, startNodes);
    await pair.open("a");
    await pair.open("b");
    return pair;
  }

  /** Starts none. */
  static async prepare(options: { readonly a?: NodeOptions; readonly b?: NodeOptions } = {}, startNodes?: NodeStarter): Promise<Pair> {
    return new Pair({ a: await freePort(), b: await freePort() }, options, startNodes);
  }

  get a(): Layr8Node {
    return this.node("a");
  }

  get b(): Layr8Node {
    return this.node("b");
  }

  node(name: "a" | "b"): Layr8Node {
    const [node] = this.#nodes.get(name) ?? [];
    if (node === undefined) throw new Error(`Node ${name} does not run`);
    return node;
  }

  async open(name: "a" | "b"): Promise<Layr8Node> {
    const nodes = await this.#startNodes(name, {
      port: this.ports[name],
      domain: `${name}.localhost`,
      logger: false,
      apiKeys: [{ key: KEY, dids: "any" }],
      ...this.#options[name],
      resolution: { hosts: this.hosts, ...this.#options[name].resolution },
    });
    this.#nodes.set(name, nodes);
    return this.node(name);
  }

  async stop(name: "a" | "b"): Promise<void> {
    await Promise.all((this.#nodes.get(name) ?? []).map((node) => node.close()));
    this.#nodes.delete(name);
  }

  async agent(name: "a" | "b", did: string, join: RawJoin = {}): Promise<RawAgent> {
    const agent = await RawAgent.join(this.node(name), { did, protocols: [ECHO], apiKey: KEY, ...join });
    this.#agents.push(agent);
    // Nodes that share their data learn of a new DID one after the other.
    for (const { port } of this.#nodes.get(name) ?? []) await expect.poll(() => statusOfDocument(port, agent.did)).toBe(200);
    return agent;
  }

  alice(join: RawJoin = {}): Promise<RawAgent> {
    return this.agent("a", ALICE, join);
  }

  bob(join: RawJoin = {}): Promise<RawAgent> {
    return this.agent("b", BOB, join);
  }

  /** A value of a node's metrics, over all nodes of its domain; 0 if it isn't there. */
  async metric(name: "a" | "b", metric: string): Promise<number> {
    let sum = 0;
    const nodes = this.#nodes.get(name) ?? [];
    // A load balancer in front of several nodes has no metrics.
    for (const { metricsUrl } of nodes.length > 1 ? nodes.slice(1) : nodes) {
      const text = await (await fetch(`${metricsUrl}/metrics`)).text();
      const line = text.split("\n").find((candidate) => candidate.startsWith(`layr8_node_${metric} `));
      sum += Number(line?.split(" ").at(-1) ?? 0);
    }
    return sum;
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

/** The status with which a node answers for the document of a DID; 200 for DIDs that are not did:web. */
function statusOfDocument(port: number, did: string): Promise<number | undefined> {
  const [, method, host = "", ...path] = did.split(":");
  if (method !== "web" || path.length === 0) return Promise.resolve(200);
  return new Promise((resolve, reject) => {
    const headers = { host: decodeURIComponent(host) };
    request({ port, host: "127.0.0.1", path: `/${path.join("/")}/did.json`, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}

/** A message from Alice to Bob. */
export function toBob(id: string, more: object = {}): Record<string, unknown> {
  return { id, type: `${ECHO}/request`, from: ALICE, to: [BOB], body: { n: id }, ...more };
}
