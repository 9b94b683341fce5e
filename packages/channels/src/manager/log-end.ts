import { runWithin, sleep } from "@parley/core/internal";
import type { GroupChannel } from "../channel/group-channel.ts";
import { ChannelError, TransportError } from "../errors.ts";

/** When and why to stop waiting. */
export interface Deadline {
  /** By `performance.now()`. */
  readonly until: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * How far a channel has been read: `reached` as far as asked; `inbox-full`: not before messages are taken; `unknown`: not in time, or the
 * relay can't be asked.
 */
export type ReadState = "reached" | "inbox-full" | "unknown";

/** Pause before the relay is asked again over a connection that is up, in milliseconds. */
const RETRY_MS = 200;

/**
 * The sequence of the entry that a channel's log gets next: what was acknowledged to senders until now is before it. `undefined` when the
 * relay can't be asked.
 *
 * @throws the signal's reason
 */
export function logEnd(channel: GroupChannel, deadline: Deadline): Promise<number | undefined> {
  return within(deadline, (signal) => channel.logEnd(signal), undefined);
}

/** As {@link logEnd}, but asks until the deadline while the relay can't be asked. */
export async function persistentLogEnd(channel: GroupChannel, deadline: Deadline): Promise<number | undefined> {
  for (;;) {
    const end = await logEnd(channel, deadline);
    if (end !== undefined || deadline.until <= performance.now() || channel.position.ended !== undefined) return end;
    await within(
      deadline,
      async (signal) => {
        await channel.position.whenConnected(signal);
        await sleep(RETRY_MS, signal);
      },
      undefined,
    );
  }
}

/** Waits until a channel's log is applied up to its end. @throws the signal's reason */
export async function readTo(end: number, channel: GroupChannel, deadline: Deadline): Promise<ReadState> {
  const read = async (signal: AbortSignal): Promise<ReadState> => {
    try {
      await channel.position.whenApplied(end - 1, signal);
      return "reached";
    } catch (error) {
      return error instanceof ChannelError && error.code === "inbox_full" ? "inbox-full" : "unknown";
    }
  };
  return within(deadline, read, "unknown");
}

/** What something resolves with before the deadline, or else `otherwise`, also when it fails. @throws the signal's reason */
export async function within<T>({ until, signal }: Deadline, run: (signal: AbortSignal) => Promise<T>, otherwise: T): Promise<T> {
  const timeoutMs = until - performance.now();
  if (timeoutMs <= 0) return otherwise;
  try {
    return await runWithin({ signals: [signal], timeoutMs, onTimeout: () => new TransportError("timeout", "not in time") }, run);
  } catch {
    signal?.throwIfAborted();
    return otherwise;
  }
}
