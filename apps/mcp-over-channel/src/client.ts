// Calls the tools of a server over an encrypted channel, with the official MCP SDK: node dist/client.js <invite token> [<my name>].
// Needs SKYTALE_RELAY, SKYTALE_API_URL and SKYTALE_API_KEY. Keys are stored in <SKYTALE_DATA_DIR or ./mcp-over-channel>/<my name>.
import { createInterface } from "node:readline";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { ParleyError, SkytaleChannelManager } from "skytale";
import { Connection } from "./connection.ts";
import { CHANNEL, dataDirOf } from "./place.ts";

const [token, me = "client"] = process.argv.slice(2);
if (token === undefined) {
  console.error("usage: node dist/client.js <invite token> [<my name>]");
  process.exit(2);
}

async function call(client: Client, name: string, args: Record<string, string> = {}): Promise<void> {
  const onprogress = ({ progress, total }: { progress: number; total?: number | undefined }): void =>
    console.log(`(${progress} of ${total ?? "?"})`);
  const result = CallToolResultSchema.parse(await client.callTool({ name, arguments: args }, CallToolResultSchema, { onprogress }));
  const lines = result.content.map((part) => (part.type === "text" ? part.text : `(${part.type})`));
  for (const line of lines.length === 0 ? ["(nothing)"] : lines) console.log(result.isError === true ? `(refused: ${line})` : line);
}

/** Executes one input line. */
async function act(client: Client, line: string): Promise<void> {
  const [command, ...rest] = line.split(" ");
  const argument = rest.join(" ");
  if (command === "add") await call(client, "add_note", { text: argument });
  else if (command === "find") await call(client, "find_notes", { words: argument });
  else if (command === "count") await call(client, "count_words");
  else if (command === "all") {
    const { contents } = await client.readResource({ uri: "notes://all" });
    for (const content of contents) console.log("text" in content ? content.text : "(binary)");
  } else console.log("(add <text>, find <words>, count, all)");
}

const manager = new SkytaleChannelManager({ identity: me, dataDir: dataDirOf(me) });
try {
  const connection = new Connection(await manager.joinWithToken(CHANNEL, token));
  const client = await connection.client();
  const { tools } = await client.listTools();
  for (const { name, description } of tools) console.log(`tool ${name}: ${description}`);
  console.log(`you are ${me}; add <text>, find <words>, count, all; end with Ctrl-D`);
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      await act(await connection.client(), line);
    } catch (error) {
      console.log(`(no answer: ${ParleyError.from(error).message})`);
    }
  }
  await connection.close();
} catch (error) {
  console.error(ParleyError.from(error).message);
  process.exitCode = 1;
} finally {
  await manager.close();
}
