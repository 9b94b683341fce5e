import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { McpChannelTransport } from "@parley/envelope-and-adapters/mcp";
import type { EnvelopePort } from "skytale";
import { SERVER } from "./place.ts";

/** A session with the server. After a restart of the server, a new session is opened. */
export class Connection {
  readonly #port: EnvelopePort;
  #client: Client | undefined;

  constructor(port: EnvelopePort) {
    this.#port = port;
  }

  /** Returns the official client, connected. */
  async client(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new Client({ name: "mcp-over-channel", version: "1.0.0" });
    Object.assign(client, { onclose: () => this.#forget(client) });
    await client.connect(new McpChannelTransport(this.#port, { server: SERVER }));
    this.#client = client;
    return client;
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  #forget(client: Client): void {
    if (this.#client === client) this.#client = undefined;
  }
}
