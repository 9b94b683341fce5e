import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { type Machine, type NatsServer, type NatsServers, startNats } from "@parley/test-nats";
import { ServerGroup } from "./server-group.ts";

/** What to start. */
export interface ClusterOptions {
  readonly nodes: number;
  readonly relays: number;
  /** Flushes each message to disk before it is acknowledged. Default false. */
  readonly syncAlways?: boolean;
  /** Three machines: each has a NATS server, and the node and skytale server with its index. Default: all are processes of this one. */
  readonly machines?: readonly Machine[];
  /** Returns the program to start instead of a built one: such as `bundleProgram`, which saves time where servers start often. */
  readonly prepare?: (path: string) => Promise<string>;
}

/** Domain of the nodes. */
export const DOMAIN = "node.example";
const LEADER_WITHIN_MS = 60_000;

/** Nodes and skytale servers as processes on three NATS servers that replicate, with a load balancer in front of each kind. */
export class Cluster implements AsyncDisposable {
  readonly nats: NatsServers;
  readonly nodes: ServerGroup;
  readonly relays: ServerGroup;
  /** The API key of the nodes, for any DID. */
  readonly nodeKey: string;
  #relayKey = "";

  private constructor(nats: NatsServers, nodes: ServerGroup, relays: ServerGroup, nodeKey: string) {
    this.nats = nats;
    this.nodes = nodes;
    this.relays = relays;
    this.nodeKey = nodeKey;
  }

  /** @throws Error if a server doesn't start. Check `missingNats(3)` first. */
  static async start({ nodes, relays, syncAlways, machines, prepare = built }: ClusterOptions): Promise<Cluster> {
    const nats = await startNats({ count: 3, ...(syncAlways && { syncAlways }), ...(machines && { machines }) });
    const flags = ["--port", "0", "--nats", nats.urls.join(","), "--nats-replicas", "3", "--log", "error"];
    const nodeKey = randomBytes(24).toString("base64url");
    const nodeGroup = await ServerGroup.open({
      name: "node",
      program: await prepare(pathOf("layr8-node")),
      flags: [...flags, "--domain", DOMAIN],
      environment: { LAYR8_NODE_API_KEY: nodeKey, LAYR8_NODE_KEY: randomBytes(32).toString("base64") },
      addresses: ["LAYR8_NODE_URL"],
      machines,
    });
    const relayGroup = await ServerGroup.open({
      name: "relay",
      program: await prepare(pathOf("skytale-server")),
      flags: [...flags, "--relay-port", "0"],
      environment: { SKYTALE_SERVER_KEY: randomBytes(32).toString("base64") },
      addresses: ["SKYTALE_API_URL", "SKYTALE_RELAY"],
      machines,
    });
    const cluster = new Cluster(nats, nodeGroup, relayGroup, nodeKey);
    try {
      for (let index = 0; index < nodes; index++) await nodeGroup.start(index);
      for (let index = 0; index < relays; index++) {
        const { printed } = await relayGroup.start(index, index === 0 ? ["SKYTALE_API_KEY"] : []);
        cluster.#relayKey ||= printed["SKYTALE_API_KEY"] ?? "";
      }
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The API key of the account that the first skytale server has created. */
  get relayKey(): string {
    return this.#relayKey;
  }

  /** Address of the nodes. */
  get nodeUrl(): string {
    return this.nodes.url("LAYR8_NODE_URL");
  }

  /** Address of the relays. */
  get relayUrl(): string {
    return this.relays.url("SKYTALE_RELAY");
  }

  /** Address of the API servers. */
  get apiUrl(): string {
    return this.relays.url("SKYTALE_API_URL");
  }

  /** The NATS server that leads most streams of a prefix. @throws Error if none is elected within a minute. */
  async leader(prefix: "PN" | "PS" = "PS"): Promise<NatsServer> {
    const deadline = performance.now() + LEADER_WITHIN_MS;
    const connection = await connect({ servers: [...this.nats.urls], maxReconnectAttempts: -1 });
    try {
      for (;;) {
        const leader = await findLeader(await jetstreamManager(connection, { checkAPI: false }), prefix).catch(() => undefined);
        const server = this.nats.servers.find(({ name }) => name === leader);
        if (server !== undefined) return server;
        if (performance.now() > deadline) throw new Error("The streams have no leader");
      }
    } finally {
      await connection.close();
    }
  }

  /** Kills everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.nodes[Symbol.asyncDispose](), this.relays[Symbol.asyncDispose]()]);
    await this.nats.stop();
  }
}

async function findLeader(manager: Awaited<ReturnType<typeof jetstreamManager>>, prefix: string): Promise<string | undefined> {
  const counts = new Map<string, number>();
  for await (const { config, cluster } of manager.streams.list()) {
    if (!config.name.startsWith(`${prefix}_`) || cluster?.leader === undefined) continue;
    counts.set(cluster.leader, (counts.get(cluster.leader) ?? 0) + 1);
  }
  return [...counts].toSorted(([, left], [, right]) => right - left)[0]?.[0];
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../../packages/${name}/dist/bin.js`, import.meta.url));
}

function built(path: string): Promise<string> {
  return Promise.resolve(path);
}
