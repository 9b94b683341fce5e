import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { EnvelopePort } from "@parley/envelope-and-adapters";
import { McpChannelServer, type McpChannelServerOptions } from "@parley/envelope-and-adapters/mcp";
import { z } from "zod";

/** Official MCP servers behind a port, one per session. */
export function serveTools(port: EnvelopePort, tools: (server: McpServer) => void, options: McpChannelServerOptions = {}) {
  const listener = new McpChannelServer(port, options);
  let sessions = 0;
  const serving = (async () => {
    for await (const session of listener) {
      sessions += 1;
      const server = new McpServer({ name: "tools", version: "1.0.0" });
      tools(server);
      await server.connect(session);
    }
  })();
  const close = async (): Promise<void> => {
    await listener.close();
    await serving;
  };
  return { close, sessions: () => sessions };
}

/** A tool that greets. `calls` lists the names. */
export function greeter(calls: string[] = []): (server: McpServer) => void {
  return (server) =>
    server.registerTool(
      "greet",
      { title: "Greet", description: "Greets by name.", inputSchema: { name: z.string() } },
      async ({ name }) => {
        calls.push(name);
        await new Promise((resolve) => setImmediate(resolve));
        return { content: [{ type: "text", text: `Hello ${name}` }] };
      },
    );
}
