import { writeNewFile } from "../command/write-new-file.ts";
import type { Runtime } from "../command/runtime.ts";
import { type ChannelAgentOptions, withManager } from "./channel-agent.ts";
import type { ChannelAuditOutput } from "./channel-output.ts";

/** Writes the audit chain of a channel to a new file. */
export async function exportChain(runtime: Runtime, options: ChannelAgentOptions, channel: string, file: string): Promise<void> {
  // The chain that an agent with the option keeps would have a gap for an opening without it.
  await withManager(runtime, { ...options, audit: true }, async (manager) => {
    const port = await manager.open(channel, { signal: runtime.signal });
    // A message of this agent is recorded when the agent reads it in the log.
    await port.caughtUp?.({ timeoutMs: options.timeout, signal: runtime.signal });
    const bytes = await writeNewFile(file, manager.exportAudit(channel));
    const result: ChannelAuditOutput = { channel, identity: options.identity, file, bytes };
    runtime.output.data(result, () => `${file}\t${bytes} bytes`);
  });
}
