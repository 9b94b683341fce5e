import { createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { startNode, type Layr8Node, type NodeOptions } from "@parley/layr8-node";
import { temporaryDirectory } from "@parley/test-assertions";
import { Client, type Config, type InboundMessage, type SDKError } from "../../src/index.ts";

export const ECHO = "https://layr8.io/protocols/echo/1.0";
export const KEY = "a-key-that-may-bind-any-did";
export const ALICE = "did:web:a.localhost:alice";
export const BOB = "did:web:b.localhost:bob";
export const CAROL = "did:web:b.localhost:carol";

type Name = "a" | "b" | "c";

/** Two nodes, a third if it is opened, and agents that hold their keys themselves. */
export class Agents implements AsyncDisposable {
  readonly ports: Readonly<Record<Name, number>>;
  readonly #reserved: Readonly<Record<Name, Server>>;
  readonly #directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  readonly #nodes = new Map<Name, Layr8Node>();
  readonly #clients: Client[] = [];
  /** Where agents and nodes find the hosts of DIDs. */
  readonly hosts: Record<string, string>;
  readonly errors: SDKError[] = [];
  /** What handlers have received: own DID, sender, body. */
  readonly received: unknown[] = [];

  private constructor(directory: Awaited<ReturnType<typeof temporaryDirectory>>, reserved: Readonly<Record<Name, Server>>) {
    this.#directory = directory;
    this.#reserved = reserved;
    const portOf = (name: Name): number => (reserved[name].address() as AddressInfo).port;
    this.ports = { a: portOf("a"), b: portOf("b"), c: portOf("c") };
    this.hosts = Object.fromEntries(Object.entries(this.ports).map(([name, port]) => [`${name}.localhost`, `http://127.0.0.1:${port}`]));
  }

  static async start(options: Partial<Record<Name, NodeOptions>> = {}): Promise<Agents> {
    const agents = new Agents(await temporaryDirectory(), { a: await reservePort(), b: await reservePort(), c: await reservePort() });
    await agents.open("a", options.a);
    await agents.open("b", options.b);
    return agents;
  }

  get path(): string {
    return this.#directory.path;
  }

  node(name: Name): Layr8Node {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`Node ${name} does not run`);
    return node;
  }

  async open(name: Name, options: NodeOptions = {}): Promise<void> {
    await release(this.#reserved[name]);
    const node = await startNode({
      port: this.ports[name],
      domain: `${name}.localhost`,
      logger: false,
      apiKeys: [{ key: KEY, dids: "any" }],
      resolution: { hosts: this.hosts, cacheTtlMs: 0 },
      ...options,
    });
    this.#nodes.set(name, node);
  }

  async stop(name: Name): Promise<void> {
    await this.#nodes.get(name)?.close();
    this.#nodes.delete(name);
  }

  /** The directory of a DID's keys. */
  keyStore(did: string): string {
    return join(this.path, did.replaceAll(/[^a-z]/g, "-"));
  }

  /** An agent at the node of its host. */
  agent(did: string, config: Config = {}): Client {
    const name = did.includes(":a.") ? "a" : "b";
    const client = new Client(
      {
        nodeUrl: this.node(name).url,
        apiKey: KEY,
        agentDid: did,
        attachGrants: false,
        ...(config.keys !== "node" && { keys: "agent", keyStore: this.keyStore(did), resolution: { hosts: this.hosts } }),
        ...config,
      },
      (error) => void this.errors.push(error),
    );
    this.#clients.push(client);
    return client;
  }

  /** An agent that answers echo requests. */
  async echo(did: string, config: Config = {}): Promise<Client> {
    const client = this.agent(did, config);
    client.handle(`${ECHO}/request`, ({ body, from, context }: InboundMessage) => {
      this.received.push([did, from, body]);
      return context?.replyExpected === true ? { type: `${ECHO}/response`, body } : undefined;
    });
    return client.connect();
  }

  /** Codes of what the error handlers got. */
  get codes(): readonly unknown[] {
    return this.errors.map(({ cause }) => (cause as Error & { code?: string }).code);
  }

  async closeClients(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeClients();
    await Promise.all([this.stop("a"), this.stop("b"), this.stop("c"), release(this.#reserved.c)]);
    await this.#directory[Symbol.asyncDispose]();
  }
}

/** An echo request. */
export function ask(to: string | readonly string[], body: object = { n: 1 }) {
  return { type: `${ECHO}/request`, to, body };
}

/** A port that nothing else takes before its node listens there. */
async function reservePort(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

async function release(server: Server | undefined): Promise<void> {
  if (server?.listening === true) await new Promise((resolve) => server.close(resolve));
}
