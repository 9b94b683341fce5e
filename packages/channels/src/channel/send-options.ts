import { readDurationMs, rejectUnknownOptions } from "@parley/core/internal";

/** Options of `Channel.send`. */
export interface SendOptions {
  /**
   * Idempotency key of 1 to 255 characters. Of all sends of this agent with one id on one channel, the first is recorded, also across crashes
   * and restarts: repeat a send whose outcome is unknown. All of them return the same `sequence`.
   *
   * The relay detects repeats for an hour or 500,000 messages (server default), whichever is shorter; after that the message is recorded again.
   * Default: no id; each send is recorded.
   */
  readonly id?: string;
  /**
   * Longest wait for the relay to record the message, in milliseconds. Then the call fails with TransportError `connection_error` (the relay
   * is not connected) or `timeout`, and the message is not published again. The error message states whether the message may have been
   * recorded: repeat the send with the same `id` to have it recorded once. Default: the `timeoutMs` of the client, 20,000.
   */
  readonly timeoutMs?: number;
  /** Aborts the wait. A message that was already published may still be recorded. */
  readonly signal?: AbortSignal;
  /** If the relay is not connected: `"wait"` (default), or `"fail"` immediately with TransportError `connection_error`. */
  readonly offline?: "wait" | "fail";
}

/** Validated {@link SendOptions}. */
export interface CheckedSend {
  readonly id: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** Whether the send fails if the relay is not connected. */
  readonly failsOffline: boolean;
}

const MAX_ID_LENGTH = 255;
const SEND_OPTIONS = ["id", "timeoutMs", "signal", "offline"];

/** @throws TypeError */
export function readSend(options: SendOptions | undefined, defaultTimeoutMs: number): CheckedSend {
  rejectUnknownOptions(options, SEND_OPTIONS);
  const { id, signal, offline = "wait" } = options ?? {};
  if (id !== undefined && (typeof id !== "string" || id.length === 0 || id.length > MAX_ID_LENGTH)) {
    throw new TypeError(`Option "id" must be a string of 1 to ${MAX_ID_LENGTH} characters`);
  }
  if (offline !== "wait" && offline !== "fail") throw new TypeError('Option "offline" must be "wait" or "fail"');
  return { id, signal, timeoutMs: readDurationMs(options, { ms: "timeoutMs" }, defaultTimeoutMs), failsOffline: offline === "fail" };
}

/** A recorded message. */
export interface Sent {
  /** Sequence number in the channel's log, the same for all members. */
  readonly sequence: number;
}
