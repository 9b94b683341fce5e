import { join } from "node:path";

/** Where the two programs meet. */
export const CHANNEL = "acme/agents/counter";
/** What the agent is called there: its address is a2a-channel://counter. */
export const AGENT = "counter";

/** The directory of one program's keys. */
export function dataDirOf(name: string): string {
  return join(process.env["SKYTALE_DATA_DIR"] || "a2a-over-channel", name);
}
