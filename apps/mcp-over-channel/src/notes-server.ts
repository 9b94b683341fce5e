import { setImmediate } from "node:timers/promises";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";
import { show, type Notebook } from "./notebook.ts";

/** An ordinary MCP server, independent of its transport. One for each client. */
export function createNotesServer(notebook: Notebook, client: string): McpServer {
  const server = new McpServer({ name: "notes", version: "1.0.0" });

  server.registerTool(
    "add_note",
    { description: "Stores a note under the caller's name.", inputSchema: { text: z.string().min(1).max(1000) } },
    async ({ text }) => {
      await notebook.add({ author: client, text });
      return said(`stored as number ${notebook.notes.length}`);
    },
  );

  server.registerTool(
    "find_notes",
    {
      description: "Finds the notes that contain these words, of all authors.",
      inputSchema: { words: z.string().min(1).max(100) },
      annotations: { readOnlyHint: true },
    },
    ({ words }) => said(...notebook.find(words).map(show)),
  );

  server.registerTool(
    "count_words",
    { description: "Counts the words of all notes, and reports its progress.", annotations: { readOnlyHint: true } },
    async ({ _meta: meta, sendNotification, signal }) => {
      const { notes } = notebook;
      let words = 0;
      for (const [index, { text }] of notes.entries()) {
        signal.throwIfAborted();
        words += text.split(/\s+/).filter((word) => word !== "").length;
        if (meta?.progressToken !== undefined) {
          const params = { progressToken: meta.progressToken, progress: index + 1, total: notes.length };
          await sendNotification({ method: "notifications/progress", params });
        }
        await setImmediate();
      }
      return said(`${words} words in ${notes.length} notes`);
    },
  );

  server.registerResource("all", "notes://all", { description: "All notes.", mimeType: "text/plain" }, ({ href }) => ({
    contents: [{ uri: href, mimeType: "text/plain", text: notebook.notes.map(show).join("\n") }],
  }));

  return server;
}

function said(...lines: string[]) {
  return { content: lines.map((text) => ({ type: "text" as const, text })) };
}
