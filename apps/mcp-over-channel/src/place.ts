import { join } from "node:path";

/** The channel that server and clients use. */
export const CHANNEL = "acme/tools/notes";
/** The name of the server: a channel can have several servers. */
export const SERVER = "notes";

/** The data directory of one program. */
export function dataDirOf(name: string): string {
  return join(process.env["SKYTALE_DATA_DIR"] || "mcp-over-channel", name);
}
