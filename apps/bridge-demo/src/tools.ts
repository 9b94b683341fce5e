// An MCP server with one tool, which numbers texts and records them in a journal: node dist/tools.js <token for the tools' channel>. Needs
// SKYTALE_RELAY, SKYTALE_API_URL and SKYTALE_API_KEY. Keys and journal are stored in <SKYTALE_DATA_DIR or ./bridge-demo>/tools.
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { McpChannelServer } from "@parley/envelope-and-adapters/mcp";
import { ParleyError, SkytaleChannelManager } from "skytale";
import { z } from "zod";
import { dataDirOf, TOOLS } from "./demo-channels.ts";

const [token] = process.argv.slice(2);
if (token === undefined) {
  console.error("usage: node dist/tools.js <token for the tools' channel>");
  process.exit(2);
}

const dataDir = dataDirOf("tools");
const journal = join(dataDir, "journal");
let stamps = 0;

function createServer(): McpServer {
  const server = new McpServer({ name: "stamps", version: "1.0.0" });
  const description = "Puts a stamp with a unique number on a text. Each call uses one stamp.";
  server.registerTool("stamp", { description, inputSchema: { text: z.string().max(1000) } }, async ({ text }) => {
    stamps += 1;
    const stamped = `stamp ${stamps}: ${text}`;
    await appendFile(journal, `${stamped}\n`);
    return { content: [{ type: "text", text: stamped }] };
  });
  return server;
}

const manager = new SkytaleChannelManager({ identity: "tools", dataDir });
try {
  const port = await manager.joinWithToken(TOOLS, token);
  stamps = (await readFile(journal, "utf8").catch(() => "")).split("\n").length - 1;
  const listener = new McpChannelServer(port, { name: "stamps" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void listener.close());
  console.log(`stamping on ${TOOLS}`);
  for await (const session of listener) await createServer().connect(session);
} catch (error) {
  console.error(ParleyError.from(error).message);
  process.exitCode = 1;
} finally {
  await manager.close();
}
