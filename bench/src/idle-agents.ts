import { measure, measureCurve } from "./harness.ts";
import { Worker } from "./worker.ts";

const AGENTS = 500;
const CURVE = [100, 1000, 10_000];
/** Agents that connect before the first measurement, so that code and tables which all agents share exist already. */
const WARM = 50;

/** The cost of an idle agent for a node: memory in use (heap and buffers), each agent with its own socket. */
export async function idleAgents(): Promise<void> {
  await measure({
    title: `Memory of a node per idle agent, ${AGENTS} agents`,
    unit: "KiB",
    variants: [{ name: "node, in memory", run: () => costOf(AGENTS) }],
  });
}

/** The same for 100 to 10,000 agents. */
export async function idleAgentsCurve(): Promise<void> {
  await measureCurve({
    title: "Memory of a node per idle agent",
    unit: "KiB",
    axis: "agents",
    at: CURVE,
    variants: [{ name: "node, in memory", run: costOf }],
  });
}

async function costOf(count: number): Promise<number> {
  const most = 2 * count + 1000;
  const limits = { maxConnections: most, maxConnectionsPerKey: most, maxDidsPerKey: most };
  const node = new Worker<{ nodeUrl: string; apiKey: string }>("node-role", { limits });
  const { nodeUrl, apiKey } = await node.ready;
  const agents = new Worker("idle-role", { nodeUrl, apiKey });
  try {
    await agents.ready;
    await agents.ask({ agents: WARM });
    const before = await node.ask<number>({});
    await agents.ask({ agents: count });
    return ((await node.ask<number>({})) - before) / count / 1024;
  } finally {
    await agents.stop();
    await node.stop();
  }
}
