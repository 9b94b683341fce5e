// Serves notes over an encrypted channel, with the official MCP SDK: node dist/server.js. Needs SKYTALE_RELAY, SKYTALE_API_URL and
// SKYTALE_API_KEY. Keys and notes are stored in <SKYTALE_DATA_DIR or ./mcp-over-channel>/server.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { McpChannelServer } from "@parley/envelope-and-adapters/mcp";
import { ChannelError, ParleyError, SkytaleChannelManager } from "skytale";
import { createNotesServer } from "./notes-server.ts";
import { Notebook } from "./notebook.ts";
import { CHANNEL, dataDirOf, SERVER } from "./place.ts";

const dataDir = dataDirOf("server");
const manager = new SkytaleChannelManager({ identity: "server", dataDir });
const tell = (error: unknown): void => console.log(`(${ParleyError.from(error).message})`);

/** Opens the channel if it exists; otherwise creates it as its first member. */
async function enter() {
  try {
    return await manager.open(CHANNEL);
  } catch (error) {
    if (!(error instanceof ChannelError) || error.code !== "not_found") throw error;
    return manager.create(CHANNEL);
  }
}

try {
  const port = await enter();
  await mkdir(dataDir, { recursive: true });
  const notebook = await Notebook.open(join(dataDir, "notes.jsonl"));
  const listener = new McpChannelServer(port, { name: SERVER, onError: tell });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void listener.close());
  console.log(`serving ${CHANNEL}; up to ten clients can join with this token within a day:`);
  console.log(await manager.invite(CHANNEL, { maxUses: 10, ttl: 86_400 }));

  for await (const session of listener) {
    const client = session.sender ?? "somebody";
    const server = createNotesServer(notebook, client);
    Object.assign(server.server, { onclose: () => console.log(`(${client} disconnected)`) });
    await server.connect(session);
    console.log(`(${client} connected)`);
  }
} catch (error) {
  tell(error);
  process.exitCode = 1;
} finally {
  await manager.close();
}
