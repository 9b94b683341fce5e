import { join } from "node:path";

/** The channel that agent and clients use. */
export const CHANNEL = "acme/agents/counter";
/** The name of the agent on the channel: its address is a2a-channel://counter. */
export const AGENT = "counter";

/** The data directory of one program. */
export function dataDirOf(name: string): string {
  return join(process.env["SKYTALE_DATA_DIR"] || "a2a-over-channel", name);
}
