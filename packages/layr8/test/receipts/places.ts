import { startNode, type Layr8Node, type NodeOptions } from "@parley/layr8-node";
import { freePort } from "@parley/test-assertions";
import { Client, type Config, type SDKError } from "../../src/index.ts";

export const KEY = "a-key-that-may-bind-any-did";
export const ORDERS = "https://shop.example/orders/1.0";
export const ALICE = "did:web:a.localhost:alice";
/** On the node of Alice. */
export const NEAR = "did:web:a.localhost:bob";
/** On another node. */
export const FAR = "did:web:b.localhost:bob";

export type Name = "a" | "b" | "m";
const NAMES: readonly Name[] = ["a", "b", "m"];

/** Up to three nodes that know each other by name, on ports that stay, and the clients of a test. */
export class Places {
  readonly #ports: Readonly<Record<Name, number>>;
  readonly #nodes = new Map<Name, Layr8Node>();
  readonly #clients: Client[] = [];
  readonly errors: SDKError[] = [];

  private constructor(ports: Readonly<Record<Name, number>>) {
    this.#ports = ports;
  }

  static async create(...names: readonly Name[]): Promise<Places> {
    const [a, b, m] = [await freePort(), await freePort(), await freePort()];
    const places = new Places({ a, b, m });
    await Promise.all(names.map((name) => places.start(name)));
    return places;
  }

  async start(name: Name, options: NodeOptions = {}): Promise<void> {
    const hosts = Object.fromEntries(NAMES.map((host) => [`${host}.localhost`, `http://127.0.0.1:${this.#ports[host]}`]));
    const node = await startNode({
      port: this.#ports[name],
      domain: `${name}.localhost`,
      logger: false,
      apiKeys: [{ key: KEY, dids: "any" }],
      resolution: { hosts },
      ...options,
    });
    this.#nodes.set(name, node);
  }

  async stop(name: Name): Promise<void> {
    await this.#nodes.get(name)?.close();
    this.#nodes.delete(name);
  }

  node(name: Name): Layr8Node {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`Node ${name} does not run`);
    return node;
  }

  client(name: Name, agentDid: string, config: Config = {}): Client {
    const nodeUrl = `ws://127.0.0.1:${this.#ports[name]}/plugin_socket/websocket`;
    const made = new Client({ nodeUrl, apiKey: KEY, agentDid, attachGrants: false, ...config }, (error) => void this.errors.push(error));
    this.#clients.push(made);
    return made;
  }

  /** The entries of the audit chain of a DID. */
  async audited(name: Name, did: string): Promise<readonly { readonly id?: string; readonly digest?: string }[]> {
    const url = `${this.node(name).httpUrl}/api/v1/audit/entries?did=${encodeURIComponent(did)}`;
    const response = await fetch(url, { headers: { "x-api-key": KEY } });
    return ((await response.json()) as { readonly entries: readonly { readonly id?: string; readonly digest?: string }[] }).entries;
  }

  /** A value of a node's metrics; 0 if it isn't there. */
  async metric(name: Name, metric: string): Promise<number> {
    const text = await (await fetch(`${this.node(name).metricsUrl}/metrics`)).text();
    const line = text.split("\n").find((candidate) => candidate.startsWith(`layr8_node_${metric} `));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((made) => made.close()));
    await Promise.all(Array.from(this.#nodes.values(), (node) => node.close()));
  }
}

/** An order for a recipient. */
export function order(to: string | readonly string[], more: object = {}) {
  return { type: `${ORDERS}/create`, to, body: { item: "tea" }, ...more };
}
