import { join } from "node:path";
import { ChannelError, type EnvelopePort, type SkytaleChannelManager } from "skytale";

/** What the bridge calls itself: its address among agents is made of it. */
export const BRIDGE = "bridge";
/** Where agents ask: A2A is spoken here. */
export const AGENTS = "acme/agents/desk";
/** Where the tools are: MCP is spoken here. */
export const TOOLS = "acme/tools/desk";

/** The directory of one program's keys. */
export function dataDirOf(name: string): string {
  return join(process.env["SKYTALE_DATA_DIR"] || "bridge-demo", name);
}

/** Goes on with a channel, or is the first in it. */
export async function openOrCreate(manager: SkytaleChannelManager, channel: string): Promise<EnvelopePort> {
  try {
    return await manager.open(channel);
  } catch (error) {
    if (!(error instanceof ChannelError) || error.code !== "not_found") throw error;
    return manager.create(channel);
  }
}
