// A node in a process of its own.
import { startNode, type NodeOptions } from "@parley/layr8-node";
import { argument, serve } from "./worker.ts";

const { nodeKey, ...options } = argument() as Omit<NodeOptions, "nodeKey"> & { readonly nodeKey?: string };
const began = performance.now();
const key = nodeKey === undefined ? {} : { nodeKey: Buffer.from(nodeKey, "base64") };
const node = await startNode({ port: 0, logger: false, ...options, ...key });
serve({ nodeUrl: node.url, apiKey: node.apiKey, adminUrl: node.adminUrl, startMs: performance.now() - began }, async () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
});
