import type { Layr8Node } from "../../src/layr8-node.ts";
import { RawAgent } from "../raw-agent.ts";
import type { NodeProcess } from "./node-process.ts";
import { ECHO, KEY } from "./pair.ts";

/** A delivery that an agent got. */
export interface Got {
  readonly id: string;
  /** Which of the agent's connections it came on. */
  readonly connection: number;
}

/** An agent that reconnects when its node restarts, sends each message until it is confirmed, and acknowledges its deliveries. */
export class SteadyAgent {
  readonly did: string;
  readonly got: Got[] = [];
  readonly #node: NodeProcess;
  #agent: RawAgent | undefined;
  #connections = 0;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(node: NodeProcess, did: string) {
    this.#node = node;
    this.did = did;
    this.#running = this.#run();
  }

  /** Resolves once the node has said that the message is safe. */
  async send(message: Record<string, unknown>): Promise<void> {
    while (!this.#stopped) {
      try {
        const reply = await this.#agent?.send(message);
        if (reply?.["status"] === "ok") return;
        if (reply !== undefined) throw new Error(`refused: ${JSON.stringify(reply)}`);
      } catch (error) {
        if (String(error).includes("refused")) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#agent?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const node = { url: this.#node.url } as Layr8Node;
      const agent = await RawAgent.join(node, { did: this.did, protocols: [ECHO], apiKey: KEY }).catch(() => undefined);
      if (agent === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      this.#agent = agent;
      this.#connections += 1;
      agent.client.ws.on("message", (data) => this.#take(agent, String(data)));
      await agent.client.closed;
      this.#agent = undefined;
    }
  }

  #take(agent: RawAgent, text: string): void {
    const [, , , event, payload] = JSON.parse(text) as [unknown, unknown, unknown, string, { plaintext?: { id: string } }];
    if (event !== "message" || payload.plaintext === undefined) return;
    this.got.push({ id: payload.plaintext.id, connection: this.#connections });
    agent.ack(payload.plaintext.id);
  }
}
