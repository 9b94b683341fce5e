import type { Runtime } from "../command/runtime.ts";
import { listAll } from "./call-api.ts";
import type { ChannelsOutput } from "./channel-output.ts";
import { requireServer, type ServerOptions } from "./server-settings.ts";

/** Lists the channels that the account may use. */
export async function listChannels(runtime: Runtime, options: ServerOptions): Promise<void> {
  const server = await requireServer(runtime, options);
  const signal = AbortSignal.any([runtime.signal, AbortSignal.timeout(options.timeout)]);
  const channels = await listAll(server, "/v1/channels", { member: "channels", signal });
  const result: ChannelsOutput = { channels: channels.flatMap(({ name }) => (typeof name === "string" ? [{ name }] : [])) };
  runtime.output.data(result, () => result.channels.map(({ name }) => name).join("\n"), "This account has no channels.");
}
