import { startNode, type Layr8Node, type NodeOptions } from "@parley/layr8-node";

/** What an app finds in its environment. */
export type AppEnvironment = Readonly<Record<"LAYR8_NODE_URL" | "LAYR8_API_KEY", string>>;

/** Runs a check with a node of its own, in memory, on a free port. */
export async function withNode(
  check: (env: AppEnvironment, node: Layr8Node) => Promise<void>,
  options: Pick<NodeOptions, "resolution"> = {},
): Promise<void> {
  const node = await startNode({ port: 0, logger: false, ...options });
  try {
    await check({ LAYR8_NODE_URL: node.url, LAYR8_API_KEY: node.apiKey ?? "" }, node);
  } finally {
    await node.close();
  }
}
