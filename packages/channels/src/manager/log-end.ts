import { runWithin, sleep } from "@parley/core/internal";
import type { GroupChannel } from "../channel/group-channel.ts";
import { ChannelError, TransportError } from "../errors.ts";

/** The limits of a wait. */
export interface Deadline {
  /** On the clock of `performance.now()`. */
  readonly until: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * How far a channel was read. `reached`: to the requested end. `inbox-full`: reading stopped at the limits of the inbox. `unknown`: not within
 * the timeout, or the relay was not reachable.
 */
export type ReadState = "reached" | "inbox-full" | "unknown";

/** Pause before a failed request to a connected relay is repeated, in milliseconds. */
const RETRY_MS = 200;

/**
 * The sequence number of the next entry of a channel's log. All messages acknowledged before the call are below it. `undefined` if the relay
 * does not answer within the deadline.
 *
 * @throws the signal's reason
 */
export function logEnd(channel: GroupChannel, deadline: Deadline): Promise<number | undefined> {
  return within(deadline, (signal) => channel.logEnd(signal), undefined);
}

/** As {@link logEnd}, but retries until the deadline. */
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

/** Waits until a channel's log is applied up to `end`. @throws the signal's reason */
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

/** The result of `run`, or `otherwise` if it fails or exceeds the deadline. @throws the signal's reason */
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
