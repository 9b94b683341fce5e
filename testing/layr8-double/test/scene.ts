import type { JsonObject } from "@parley/core";
import { startNode, type Layr8Node, type NodeOptions } from "@parley/layr8-node";
import { Client, type Config, type Credential, type SDKError } from "layr8";
import { DoubleAgents, type DoubleAgent, type DoubleAgentOptions, type Generation } from "../src/index.ts";

export const ECHO = "https://layr8.io/protocols/echo/1.0";
export const REPORT = "https://didcomm.org/report-problem/2.0/problem-report";
export const KEY = "a-key-that-may-bind-any-did";
export const GENERATIONS: readonly Generation[] = ["node", "python", "go", "oldest"];

/** A node, agents of layr8's SDKs in Python, and agents of Parley's SDK: with everything that must be closed. */
export class Scene {
  readonly doubles: DoubleAgents;
  readonly node: Layr8Node;
  readonly errors: SDKError[] = [];
  readonly #clients: Client[] = [];

  private constructor(node: Layr8Node) {
    this.node = node;
    this.doubles = new DoubleAgents();
  }

  static async open(options: NodeOptions = {}): Promise<Scene> {
    return new Scene(await startNode({ port: 0, logger: false, apiKeys: [{ key: KEY, dids: "any" }], ...options }));
  }

  /** An agent of an SDK of layr8. */
  double(options: Partial<DoubleAgentOptions>): Promise<DoubleAgent> {
    return this.doubles.agent({ url: this.node.url, apiKey: KEY, backoff: 0.05, ...options });
  }

  /** An agent of Parley, not connected. */
  client(agentDid: string, config: Config = {}): Client {
    const client = new Client(
      { nodeUrl: this.node.url, apiKey: KEY, agentDid, attachGrants: false, ...config },
      (error) => void this.errors.push(error),
    );
    this.#clients.push(client);
    return client;
  }

  /** An agent of either kind that answers echo requests. */
  async echoing(kind: Generation | "parley", did: string): Promise<void> {
    if (kind === "parley") {
      const client = this.client(did);
      client.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body }));
      await client.connect();
      return;
    }
    await this.double({
      generation: kind,
      did,
      handlers: [{ type: `${ECHO}/request`, action: "reply", replyType: `${ECHO}/response` }],
    });
  }

  /** The body of the answer to an echo request of an agent of either kind, which joins for it. */
  async ask(kind: Generation | "parley", did: string, to: string, body: object): Promise<unknown> {
    const request = { type: `${ECHO}/request`, to: [to], body };
    if (kind === "parley") return (await (await this.client(did).connect()).request(request)).body;
    const response = await (await this.double({ generation: kind, did, protocols: [ECHO] })).request(request);
    return response["type"] === `${ECHO}/response` ? response["body"] : response;
  }

  /** @throws Error if a double has seen a violation. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    try {
      await this.doubles.close();
    } finally {
      await this.node.close();
    }
  }
}

/** Grants as an issuer writes them: for a holder, to send a message of a protocol to a recipient. */
export function grantFor(holder: string, scope: JsonObject, more: JsonObject = {}, subject: JsonObject = {}): Credential {
  return {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://layr8.io/contexts/grant/v1"],
    type: ["VerifiableCredential", "VerifiableGrant"],
    credentialSubject: { id: holder, scope: [scope], ...subject },
    ...more,
  };
}
