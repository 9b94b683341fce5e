import { randomBytes } from "node:crypto";
import { describeUnless, gateOrSoak } from "@parley/test-assertions";
import { LoadBalancer, missingNats } from "@parley/test-nats";
import type { Layr8Node } from "../../src/layr8-node.ts";
import { startNode } from "../../src/node.ts";
import { type NodeStarter, Pair } from "../federation/pair.ts";
import { agentsOfTwoDomains } from "../federation/two-domains.ts";
import { useNats } from "./nats-servers.ts";

/** Three servers are slow, and the rules of nodes do not depend on their number. */
const COUNTS: readonly (1 | 3)[] = gateOrSoak(1, 3) === 1 ? [1] : [1, 3];

for (const count of COUNTS) {
  describeUnless(missingNats(count), `domains with two nodes each, behind load balancers, on ${count} NATS server(s)`, () => {
    const nats = useNats(count);

    /** Two nodes and a load balancer, which looks like one node. */
    const startDomain =
      (prefix: string, nodeKey: Uint8Array): NodeStarter =>
      async (name, { port = 0, ...options }) => {
        const shared = { ...options, nats: nats.urls, natsReplicas: count, natsPrefix: prefix.slice(0, 15) + name, nodeKey };
        const start = (index: number): Promise<Layr8Node> => startNode({ ...shared, port: 0, nodeName: `${name}${index}` });
        const nodes = [await start(1), await start(2)] as const;
        const balancer = await LoadBalancer.start(
          nodes.map((node) => node.port),
          port,
        );
        const [first] = nodes;
        const front: Layr8Node = {
          url: first.url.replace(String(first.port), String(port)),
          httpUrl: first.httpUrl.replace(String(first.port), String(port)),
          port,
          metricsUrl: first.metricsUrl,
          adminUrl: undefined,
          apiKey: first.apiKey,
          createApiKey: (about) => first.createApiKey(about),
          revokeApiKey: (id) => first.revokeApiKey(id),
          listApiKeys: () => first.listApiKeys(),
          deleteAgent: (did) => first.deleteAgent(did),
          reloadPolicies: () => first.reloadPolicies(),
          rotateNodeKey: () => first.rotateNodeKey(),
          backup: (directory) => first.backup(directory),
          close: () => balancer[Symbol.asyncDispose](),
          [Symbol.asyncDispose]: () => front.close(),
        };
        return [front, ...nodes];
      };

    agentsOfTwoDomains(() => {
      const [prefix, nodeKey] = [nats.newPrefix(), randomBytes(32)];
      return Pair.start({}, startDomain(prefix, nodeKey));
    });
  });
}
