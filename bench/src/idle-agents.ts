import { measure } from "./harness.ts";
import { Worker } from "./worker.ts";

const AGENTS = 500;

/** The cost of an idle agent for a node: memory in use (heap and buffers), each agent on a socket of its own. */
export async function idleAgents(): Promise<void> {
  const run = async (): Promise<number> => {
    const node = new Worker<{ nodeUrl: string; apiKey: string }>("node-role", {});
    const agents = new Worker("idle-role", await node.ready);
    try {
      await agents.ready;
      await agents.ask({ agents: 50 });
      const before = await node.ask<number>({});
      await agents.ask({ agents: AGENTS });
      const after = await node.ask<number>({});
      return (after - before) / AGENTS / 1024;
    } finally {
      await agents.stop();
      await node.stop();
    }
  };
  await measure({ title: `Memory of a node per idle agent, ${AGENTS} agents`, unit: "KiB", variants: [{ name: "node, in memory", run }] });
}
