import { setTimeout as delay } from "node:timers/promises";
import type { Machines } from "@parley/test-nats";
import type { Cluster, ServerGroup } from "../src/index.ts";

/** The cluster and the tools of a fault. */
export interface FaultContext {
  readonly cluster: Cluster;
  /** Whole numbers from 0 up to a bound. */
  readonly random: (below: number) => number;
  /** Resolves when all kinds of servers have acknowledged more messages. */
  readonly more: () => Promise<void>;
  /** Set if the servers are on machines that can be separated. */
  readonly machines: Machines | undefined;
}

/** How long a stopped process stays so: longer than an election takes. */
const PAUSE_MS = 20_000;
/** How long a machine is separated: longer than a server waits until it closes its connections. */
const SEPARATED_MS = 20_000;

async function endAndStart(group: ServerGroup, signal: "SIGKILL" | "SIGTERM", { random, more }: FaultContext): Promise<void> {
  const index = group.running[random(group.running.length)] ?? 0;
  await group.end(index, signal);
  await more();
  await group.start(index);
}

async function pause(server: { signal(signal: "SIGSTOP" | "SIGCONT"): Promise<void> }): Promise<void> {
  await server.signal("SIGSTOP");
  await delay(PAUSE_MS);
  await server.signal("SIGCONT");
}

async function separate({ machines }: FaultContext, index: number): Promise<void> {
  machines?.separate(index);
  await delay(SEPARATED_MS);
  machines?.unite(index);
}

async function killLeader(prefix: "PN" | "PS", { cluster, more }: FaultContext): Promise<void> {
  const leader = await cluster.leader(prefix);
  await leader.signal("SIGKILL");
  await more();
  await leader.start();
}

/** What happens to a cluster under load, by name. Each resolves when everything runs again. */
export const FAULTS = {
  "kill a NATS leader of the relays": (context) => killLeader("PS", context),
  "kill a NATS leader of the nodes": (context) => killLeader("PN", context),
  "kill a relay": (context) => endAndStart(context.cluster.relays, "SIGKILL", context),
  "kill a node": (context) => endAndStart(context.cluster.nodes, "SIGKILL", context),
  "stop a relay": (context) => endAndStart(context.cluster.relays, "SIGTERM", context),
  "stop a node": (context) => endAndStart(context.cluster.nodes, "SIGTERM", context),
  "kill all NATS servers": async ({ cluster }) => {
    await Promise.all(cluster.nats.servers.map((server) => server.signal("SIGKILL")));
    await Promise.all(cluster.nats.servers.map((server) => server.start()));
  },
  "restart NATS servers one after the other": async ({ cluster, more }) => {
    for (const server of cluster.nats.servers) {
      await server.signal("SIGTERM");
      await server.start();
      await more();
    }
  },
  "pause a NATS leader": async ({ cluster }) => pause(await cluster.leader("PS")),
  "pause a node": ({ cluster, random }) => pause(cluster.nodes.server(random(2))),
  "pause a relay": ({ cluster, random }) => pause(cluster.relays.server(random(2))),
  "separate the machine of a NATS leader": async (context) =>
    separate(context, context.cluster.nats.servers.indexOf(await context.cluster.leader())),
  "separate the machine of a node and a relay": (context) => separate(context, context.random(2)),
} satisfies Record<string, (context: FaultContext) => Promise<void>>;

export type Fault = keyof typeof FAULTS;
