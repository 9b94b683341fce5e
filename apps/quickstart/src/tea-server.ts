import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { McpChannelServer } from "@parley/envelope-and-adapters/mcp";
import type { EnvelopePort } from "skytale";

/** Serves one MCP tool to all members of a channel, until it is closed. */
export class TeaServer {
  readonly #listener: McpChannelServer;
  readonly #serving: Promise<void>;

  constructor(port: EnvelopePort) {
    this.#listener = new McpChannelServer(port, { name: "tea" });
    this.#serving = this.#serve();
  }

  async close(): Promise<void> {
    await this.#listener.close();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    for await (const session of this.#listener) {
      const server = new McpServer({ name: "tea", version: "1.0.0" });
      server.registerTool("teas", { description: "Lists the available teas." }, () => ({
        content: [{ type: "text", text: `for ${session.sender}: assam, sencha` }],
      }));
      await server.connect(session);
    }
  }
}
