import { readSecretInput, readTextInput } from "../command/read-input.ts";
import type { Runtime } from "../command/runtime.ts";
import { withManager, type ChannelAgentOptions } from "./channel-agent.ts";
import { formatMembers, membersOutput, type ChannelOutput, type ChannelSentOutput } from "./channel-output.ts";

/** Creates a channel with this agent as its first member. */
export async function createChannel(runtime: Runtime, options: ChannelAgentOptions, channel: string): Promise<void> {
  await withManager(runtime, options, async (manager) => {
    await manager.create(channel, { signal: runtime.signal });
    printChannel(runtime, { channel, identity: options.identity });
  });
}

/** Sends a message to all members. Ends once the relay has stored it. */
export async function sendToChannel(runtime: Runtime, options: ChannelAgentOptions, channel: string, given: string): Promise<void> {
  const text = await readTextInput(given);
  await withManager(runtime, options, async (manager) => {
    await manager.open(channel, { signal: runtime.signal });
    const { sequence } = await manager.send(channel, text, { signal: runtime.signal });
    const sent: ChannelSentOutput = { channel, sequence };
    runtime.output.data(sent, () => String(sequence));
  });
}

/** Prints the members and the safety number. */
export async function listMembers(runtime: Runtime, options: ChannelAgentOptions, channel: string): Promise<void> {
  await withManager(runtime, options, async (manager) => {
    await manager.open(channel, { signal: runtime.signal });
    runtime.output.data(membersOutput(channel, manager.safetyNumber(channel), manager.members(channel)), formatMembers);
  });
}

/** Joins a channel with the token of an invite. @throws CliError `usage` for a token on the command line */
export async function joinChannel(runtime: Runtime, options: ChannelAgentOptions, channel: string, given?: string): Promise<void> {
  const token = await readSecretInput(given, { name: "the token", variable: "SKYTALE_INVITE", environment: runtime.environment });
  await withManager(runtime, options, async (manager) => {
    await manager.joinWithToken(channel, token, { timeoutMs: options.timeout, signal: runtime.signal });
    printChannel(runtime, { channel, identity: options.identity });
  });
}

/** Leaves a channel and erases it from the data directory. */
export async function leaveChannel(runtime: Runtime, options: ChannelAgentOptions, channel: string): Promise<void> {
  await withManager(runtime, options, async (manager) => {
    await manager.open(channel, { signal: runtime.signal });
    await manager.leave(channel, { signal: runtime.signal });
    await manager.forget(channel);
    printChannel(runtime, { channel, identity: options.identity });
  });
}

function printChannel({ output }: Runtime, result: ChannelOutput): void {
  output.data(result, ({ channel }) => channel);
}
