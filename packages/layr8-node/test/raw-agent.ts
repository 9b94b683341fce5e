import type { Layr8Node } from "../src/layr8-node.ts";
import { RawClient, type RawFrame } from "./phoenix/raw-client.ts";

const REPORT = "https://didcomm.org/report-problem/2.0";

/** Options of a raw agent's join. */
export interface RawJoin {
  readonly did?: string;
  readonly protocols?: readonly string[];
  readonly replyProtocol?: boolean;
  readonly apiKey?: string;
  readonly mode?: string;
  readonly capabilities?: readonly string[];
  /** Members of `did_spec` and of the join, in place of those by default. */
  readonly didSpec?: object;
  readonly more?: object;
}

/** An agent without an SDK, which sends and reads Phoenix frames itself. */
export class RawAgent {
  readonly client: RawClient;
  readonly topic: string;
  readonly did: string;

  private constructor(client: RawClient, topic: string, did: string) {
    this.client = client;
    this.topic = topic;
    this.did = did;
  }

  static async join(
    node: Pick<Layr8Node, "url" | "apiKey">,
    { did, protocols = [], replyProtocol = false, apiKey, mode = "Create", capabilities, didSpec, more }: RawJoin,
  ): Promise<RawAgent> {
    const client = await RawClient.open(`${node.url}?vsn=2.0.0`, { "x-api-key": apiKey ?? node.apiKey ?? "" });
    const topic = `plugins:${did ?? ""}`;
    const reply = await client.push(topic, "phx_join", {
      payload_types: [REPORT, ...protocols],
      ...(replyProtocol && { reply_protocol: true }),
      ...(capabilities !== undefined && { capabilities }),
      did_spec: { mode, storage: did === undefined ? "ephemeral" : "persistent", type: "plugin", ...didSpec },
      ...more,
    });
    if (reply["status"] !== "ok") {
      client.close();
      throw new Error(`refused: ${JSON.stringify(reply["response"])}`);
    }
    return new RawAgent(client, topic, (reply["response"] as { did: string }).did);
  }

  /** Pushes a message as it is and returns the node's reply. */
  send(message: object): Promise<Record<string, unknown>> {
    return this.client.push(this.topic, "message", message);
  }

  /** The next message that the node delivers; replies and closes in between are passed over. */
  async receive(): Promise<{ context: Record<string, unknown>; plaintext: Record<string, unknown> }> {
    for (;;) {
      const frame = await this.client.next();
      if (frame[3] === "message") return frame[4] as never;
    }
  }

  /** The next frame with an event of this name. */
  async event(name: string): Promise<RawFrame> {
    for (;;) {
      const frame = await this.client.next();
      if (frame[3] === name) return frame;
    }
  }

  ack(...ids: string[]): void {
    this.client.send([null, null, this.topic, "ack", { ids }]);
  }

  reply(message_id: string | undefined, status: string, more: object = {}): void {
    this.client.send([null, null, this.topic, "dispatch_reply", { ...(message_id !== undefined && { message_id }), status, ...more }]);
  }

  close(): void {
    this.client.close();
  }
}
