// A node in a process of its own.
import { startNode, type NodeOptions } from "@parley/layr8-node";
import { argument, serve } from "./worker.ts";

const began = performance.now();
const node = await startNode({ port: 0, logger: false, ...(argument() as NodeOptions) });
serve({ nodeUrl: node.url, apiKey: node.apiKey, startMs: performance.now() - began }, async () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
});
