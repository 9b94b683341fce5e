import { RelayClient, type RelayMessage } from "@parley/skytale-relay";
import { usageError } from "../cli-error.ts";
import { exitOfSignal, type Runtime } from "../command/runtime.ts";
import { formatLogEntry, type LogEntryOutput } from "./channel-output.ts";
import { relayToken } from "./relay-token.ts";
import { requireServer, type ServerOptions } from "./server-settings.ts";

/** Options of `parley channels tail`. */
interface TailOptions extends ServerOptions {
  /** Sequence number of the first entry. */
  readonly from: number;
  readonly count?: number;
}

/** Prints the entries of a channel's log as the relay stores them. @returns 130 or 143 after a signal, 0 after `--count` */
export async function tail(runtime: Runtime, options: TailOptions, channel: string): Promise<number> {
  const { output, signal } = runtime;
  const { from, count = Infinity, timeout } = options;
  if (!/^[^/]+\/[^/]+\/[^/]+$/.test(channel))
    throw usageError(`invalid channel name: ${channel}`, "give org/namespace/service, such as acme/team/general");
  const server = await requireServer(runtime, options);
  const token = (): Promise<string> => relayToken(server, AbortSignal.any([signal, AbortSignal.timeout(timeout)]));
  const relay = new RelayClient({ url: server.endpoint, token, limits: { openTimeoutMs: timeout } });
  try {
    await relay.connect({ signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]) });
    const entries = relay.subscribe(channel, { from, signal });
    let printed = 0;
    for await (const entry of entries) {
      output.data(logEntryOutput(entry), formatLogEntry);
      printed += 1;
      if (printed >= count) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await relay.close();
  }
  return exitOfSignal(runtime);
}

function logEntryOutput({ sequence, kind, epoch, payload, recordedAt, evicted }: RelayMessage): LogEntryOutput {
  return {
    sequence,
    kind,
    epoch: String(epoch),
    bytes: payload.length,
    payload: Buffer.from(payload).toString("base64url"),
    ...(recordedAt > 0 && { recordedAt: new Date(recordedAt).toISOString() }),
    ...(evicted !== undefined && { evicted }),
  };
}
