import { join } from "node:path";
import { type Layr8Node, type NodeOptions, startNode } from "@parley/layr8-node";
import type { Logger } from "pino";

/** The second node of `parley dev --two-nodes`. */
export interface SecondNode {
  /** Where agents connect. They use the API key of the first node. */
  readonly url: string;
  /** Domain of its DIDs, as in did:web. */
  readonly domain: string;
  /** Address of its console, with its token. */
  readonly consoleUrl?: string | undefined;
}

/** Host of the second node's DIDs. `*.localhost` is this machine, and differs from the first node's `localhost`. */
const SECOND_DOMAIN = "partner.localhost";

/** Starts the node. @param apiKey that of the first node. */
export function startSecondNode(options: {
  readonly port: number;
  readonly host: string;
  /** Directory of `parley dev`; absent: in memory. */
  readonly directory: string | undefined;
  readonly apiKey: string;
  readonly hasConsole: boolean;
  readonly logger: Logger;
  /** HTTP origin of the first node, where agents below `localhost` are. */
  readonly firstUrl: string;
}): Promise<Layr8Node> {
  const { port, host, directory, apiKey, hasConsole, logger, firstUrl } = options;
  return startNode({
    port,
    host,
    domain: SECOND_DOMAIN,
    ...(directory !== undefined && { dataDir: join(directory, "node2") }),
    apiKeys: [{ key: apiKey, dids: "any", name: "parley dev" }],
    deadLetters: true,
    resolution: { hosts: { localhost: firstUrl, [`localhost:${new URL(firstUrl).port}`]: firstUrl } },
    ...(hasConsole && { adminPort: 0, adminActions: true, adminBodies: true }),
    logger,
  });
}

/** Options of the first node, so that it finds the second one, and the second one finds it. */
export function besideSecondNode(secondPort: number, host: string): Pick<NodeOptions, "publicUrl" | "resolution"> {
  return { publicUrl: "http://localhost", resolution: { hosts: { [SECOND_DOMAIN]: `http://${host}:${secondPort}` } } };
}

/** What `parley dev` prints about the second node. */
export function describeSecondNode({ url, adminUrl }: Layr8Node): SecondNode {
  return { url, domain: SECOND_DOMAIN, ...(adminUrl !== undefined && { consoleUrl: adminUrl }) };
}
