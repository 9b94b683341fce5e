import { readDurationMs, rejectUnknownOptions } from "@parley/core/internal";

/** Options of `Channel.send`. */
export interface SendOptions {
  /**
   * A name of 1 to 255 characters for this send. Of all sends of this agent with one id on one channel, a single one is recorded, also when
   * the process was killed in between: repeat a send when you don't know whether it went through. The content of the first counts. All
   * give the same `sequence`.
   *
   * The relay tells a repetition for as long as it knows the keys of messages: by default for an hour, unless 500,000 messages came since.
   * After that it is a message of its own. Default: every send is one of its own.
   */
  readonly id?: string;
  /**
   * Longest wait until the relay has recorded the message, in milliseconds. After that the call fails with TransportError
   * `connection_error` (there is no connection to the relay) or `timeout`, and this client doesn't send the message any more. A message
   * that was on its way may be recorded all the same, which the error says: repeat the send with the same `id` to have it recorded once.
   * Default: the `timeoutMs` of the client, 20,000.
   */
  readonly timeoutMs?: number;
  /** Stops waiting. The message may be sent all the same if it was on its way. */
  readonly signal?: AbortSignal;
  /** Without a link to the relay: `"wait"` for one (the default), or `"fail"` at once with TransportError `connection_error`. */
  readonly offline?: "wait" | "fail";
}

/** {@link SendOptions}, checked. */
export interface CheckedSend {
  readonly id: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** Not to wait for a connection. */
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

/** A message that the relay has recorded. */
export interface Sent {
  /** Its place in the channel's log, the same for all members. */
  readonly sequence: number;
}
