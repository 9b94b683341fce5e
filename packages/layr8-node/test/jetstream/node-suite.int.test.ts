import { randomBytes } from "node:crypto";
import { describeUnless, gateOrSoak } from "@parley/test-assertions";
import { LoadBalancer, missingNats } from "@parley/test-nats";
import { expect } from "vitest";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { startNode } from "../../src/node.ts";
import type { NodeOptions } from "../../src/options.ts";
import { nodeSuite } from "../node-suite/node-suite.ts";
import { useNats } from "./nats-servers.ts";

/** Tests of one node that do not hold for two, and why. */
const EXCEPTIONS = {
  "limits the connections of all keys": "each node has this limit for itself",
  "are rejected above the rate of their key": "rates are divided by the number of nodes",
  "reports in the join reply that a protocol was taken over":
    "the reply to a join at one node can come before the node of the mailbox has bound its protocols",
};

describeUnless(missingNats(1), "two nodes behind a load balancer", () => {
  const nats = useNats(1);

  /** Connections go to the two nodes in turn. */
  async function start(options: NodeOptions): Promise<readonly [Layr8Node, ...Layr8Node[]]> {
    const balancer = await LoadBalancer.start([]);
    const { port } = balancer;
    const shared = { nats: nats.urls, natsPrefix: nats.newPrefix(), nodeKey: randomBytes(32), domain: `localhost%3A${port}` };
    const startOne = (nodeName: string): Promise<Layr8Node> => startNode({ port: 0, logger: false, ...options, ...shared, nodeName });
    const [one, other] = [await startOne("one"), await startOne("other")] as const;
    balancer.use([one.port, other.port]);
    /** The other node learns of changes of API keys within milliseconds. */
    const hasAtOther = (id: string) => expect.poll(() => other.listApiKeys().some((key) => key.id === id));
    const front: Layr8Node = {
      url: one.url.replace(String(one.port), String(port)),
      httpUrl: one.httpUrl.replace(String(one.port), String(port)),
      port,
      metricsUrl: one.metricsUrl,
      adminUrl: undefined,
      apiKey: one.apiKey,
      createApiKey: async (about) => {
        const created = await one.createApiKey(about);
        await hasAtOther(created.id).toBe(true);
        return created;
      },
      revokeApiKey: async (id) => {
        const isRevoked = await one.revokeApiKey(id);
        await hasAtOther(id).toBe(false);
        return isRevoked;
      },
      listApiKeys: () => one.listApiKeys(),
      deleteAgent: (did) => one.deleteAgent(did),
      reloadPolicies: () => one.reloadPolicies(),
      rotateNodeKey: () => one.rotateNodeKey(),
      backup: (directory) => one.backup(directory),
      close: () => balancer[Symbol.asyncDispose](),
      [Symbol.asyncDispose]: () => front.close(),
    };
    return [front, one, other];
  }

  nodeSuite("a node that is two", {
    start,
    // A node can report an agent that has just connected to the other one as away.
    ok: { status: "ok", response: expect.any(Object) as unknown },
    exceptions: EXCEPTIONS,
    isSample: gateOrSoak(1, 0) === 1,
  });
});
