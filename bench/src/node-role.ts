// A node in a process of its own.
import { startNode } from "@parley/layr8-node";
import { argument, serve } from "./worker.ts";

const { dataDir } = argument() as { dataDir?: string };
const node = await startNode({ port: 0, logger: false, ...(dataDir !== undefined && { dataDir }) });
serve({ nodeUrl: node.url, apiKey: node.apiKey }, async () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
});
