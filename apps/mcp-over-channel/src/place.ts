import { join } from "node:path";

/** Where the two programs meet. */
export const CHANNEL = "acme/tools/notes";
/** What clients ask for: a channel may have several servers. */
export const SERVER = "notes";

/** The directory of one program's keys. */
export function dataDirOf(name: string): string {
  return join(process.env["SKYTALE_DATA_DIR"] || "mcp-over-channel", name);
}
