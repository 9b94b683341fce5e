import { join } from "node:path";
import { ChannelError, type EnvelopePort, type SkytaleChannelManager } from "skytale";

/** The name of the bridge, from which its A2A address is derived. */
export const BRIDGE = "bridge";
/** The channel of the A2A agents. */
export const AGENTS = "acme/agents/desk";
/** The channel of the MCP server. */
export const TOOLS = "acme/tools/desk";

/** The data directory of one program. */
export function dataDirOf(name: string): string {
  return join(process.env["SKYTALE_DATA_DIR"] || "bridge-demo", name);
}

/** Opens a channel, or creates it if it does not exist. */
export async function openOrCreate(manager: SkytaleChannelManager, channel: string): Promise<EnvelopePort> {
  try {
    return await manager.open(channel);
  } catch (error) {
    if (!(error instanceof ChannelError) || error.code !== "not_found") throw error;
    return manager.create(channel);
  }
}
