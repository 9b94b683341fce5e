import { transportCompliance, type TransportHarness } from "@parley/compliance";
import type { JsonObject } from "@parley/core";
import { PhoenixTransport } from "../src/index.ts";
import { FAST } from "./fixture.ts";
import { PhoenixServer, type RawFrame, type ServerClient } from "./phoenix-server.ts";

/** A node of one agent: keeps what is not settled, and delivers it again after a join. */
class Node implements TransportHarness {
  readonly transport: PhoenixTransport;
  readonly #server: PhoenixServer;
  readonly #unsettled = new Map<string, JsonObject>();
  #accepted = 0;
  #messages: "accept" | "refuse" | "stall" = "accept";
  #joins: "accept" | "refuse" = "accept";

  constructor(server: PhoenixServer) {
    this.#server = server;
    server.behaviour = (frame, client) => this.#behave(frame, client);
    this.transport = new PhoenixTransport({ nodeUrl: server.url, apiKey: "key", backoff: FAST });
  }

  async deliver(did: string, plaintext: JsonObject): Promise<void> {
    this.#unsettled.set(JSON.stringify(plaintext["id"]), plaintext);
    this.#server.client.deliver(`plugins:${did}`, plaintext);
  }

  async received(): Promise<unknown> {
    const [, , , , payload] = await this.#server.frame("message", ++this.#accepted);
    return payload;
  }

  refuseMessages(): void {
    this.#messages = "refuse";
  }

  stall(): void {
    this.#messages = "stall";
  }

  refuseJoins(): void {
    this.#joins = "refuse";
  }

  async cut(): Promise<void> {
    await this.#server.stop();
  }

  async restore(): Promise<void> {
    await this.#server.listen(this.#server.port);
  }

  async stop(): Promise<void> {
    if (this.#server.listening) await this.#server.stop();
  }

  #behave(frame: RawFrame, client: ServerClient): "default" | "ignore" {
    const [, ref, topic, event, payload] = frame;
    if (event === "message" && this.#messages !== "accept") {
      if (this.#messages === "refuse") client.reply(frame, "error", { reason: "unauthorized" });
      return "ignore";
    }
    if (event === "dispatch_reply") this.#unsettled.delete(JSON.stringify(payload["message_id"]));
    if (event !== "phx_join") return "default";
    if (this.#joins === "refuse") {
      client.reply(frame, "error", { reason: "unauthorized" });
      return "ignore";
    }
    if (topic === "plugins:") return "default";
    client.joins.set(topic, String(ref));
    client.reply(frame, "ok", { capabilities: ["reply_protocol/1"] });
    for (const plaintext of this.#unsettled.values()) client.deliver(topic, plaintext);
    return "ignore";
  }
}

transportCompliance("PhoenixTransport", async () => new Node(await PhoenixServer.start()));
