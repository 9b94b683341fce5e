import { exitOfSignal, type Runtime } from "../command/runtime.ts";
import { withManager, type ChannelAgentOptions } from "./channel-agent.ts";
import { channelMessageOutput, formatChannelMessage } from "./channel-output.ts";

/** Options of `parley channels listen`. */
interface ListenOptions extends ChannelAgentOptions {
  readonly count?: number;
}

/** The wait for a first message is repeated after this time, in milliseconds. */
const WAIT_MS = 3_600_000;

/**
 * Prints messages as they arrive. A printed message is settled, so all messages that arrive together are printed, also beyond `--count`.
 *
 * @returns 130 or 143 after a signal, 0 after `--count`
 */
export async function listenToChannel(runtime: Runtime, options: ListenOptions, channel: string): Promise<number> {
  const { output, signal } = runtime;
  const { count = Infinity } = options;
  await withManager(runtime, options, async (manager) => {
    await manager.open(channel, { signal });
    output.note(`Listening on ${channel} as ${options.identity}.`);
    for (let received = 0; received < count;) {
      const messages = await manager.receiveMessages(channel, { timeoutMs: WAIT_MS, signal }).catch((error: unknown) => {
        if (signal.aborted) return undefined;
        throw error;
      });
      if (messages === undefined) return;
      for (const message of messages) output.data(channelMessageOutput(channel, message), formatChannelMessage);
      received += messages.length;
    }
  });
  return exitOfSignal(runtime);
}
