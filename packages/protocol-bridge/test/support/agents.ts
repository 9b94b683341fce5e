import { startNode, type Layr8Node } from "@parley/layr8-node";
import { Client, type Config, type SDKError } from "layr8";
import { mcpDidcommPort, type McpDidcommPort, type McpDidcommPortOptions } from "../../src/index.ts";

export const TOOLS = "did:web:localhost:tools";
export const BRIDGE = "did:web:localhost:bridge";
export const CALLER = "did:web:localhost:caller";

/** A node, its agents and their ports. */
export class Agents implements AsyncDisposable {
  readonly node: Layr8Node;
  readonly errors: SDKError[] = [];
  readonly #ending: (() => Promise<unknown>)[] = [];

  private constructor(node: Layr8Node) {
    this.node = node;
  }

  static async start(): Promise<Agents> {
    return new Agents(await startNode({ port: 0, logger: false }));
  }

  agent(agentDid: string, config: Config = {}): Client {
    const { url: nodeUrl, apiKey } = this.node;
    const client = new Client({ nodeUrl, apiKey, agentDid, ...config }, (error) => void this.errors.push(error));
    this.#ending.push(() => client.close());
    return client;
  }

  /** The bridge's agent and its port. */
  async port(options: McpDidcommPortOptions = {}, did = BRIDGE): Promise<{ client: Client; port: McpDidcommPort }> {
    const client = this.agent(did);
    const port = mcpDidcommPort(client, options);
    this.#ending.push(() => port.close());
    await client.connect();
    return { client, port };
  }

  /** Ends something before the agents end. */
  defer(end: () => Promise<unknown>): void {
    this.#ending.push(end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ending.toReversed()) await end();
    await this.node.close();
  }
}
