import { randomBytes } from "node:crypto";
import { beforeEach, onTestFinished } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { startNode } from "../../src/node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { KEY } from "../federation/pair.ts";
import { useNats } from "./nats-servers.ts";

export const NODE_KEY: Buffer = randomBytes(32);

/** Nodes on one NATS server. Those of one test share their data. */
export interface SharedNodes {
  readonly nats: ReturnType<typeof useNats>;
  /** Prefix of the data of this test. */
  readonly prefix: string;
  /** Starts a node that ends with the test. */
  start(options?: NodeOptions): Promise<Layr8Node>;
}

/** For a `describe` block. @param common options of all nodes */
export function useSharedNodes(common: NodeOptions = {}): SharedNodes {
  const nats = useNats(1);
  let prefix = "";
  let names = 0;
  beforeEach(() => {
    prefix = nats.newPrefix();
  });
  return {
    nats,
    get prefix() {
      return prefix;
    },
    start: async (options = {}) => {
      const shared = { nats: nats.urls, natsPrefix: prefix, nodeName: `node-${names++}`, nodeKey: NODE_KEY, domain: "node.example" };
      const node = await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], ...shared, ...common, ...options });
      onTestFinished(() => node.close());
      return node;
    },
  };
}
