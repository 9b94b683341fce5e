import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * What went wrong in an adapter. Messages begin with `transport error:` or `runtime error:`, as those of channels do.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `closed` | the adapter, its session or its port is closed | no |
 * | `message_invalid` | a peer sent what is no message of this protocol; it was skipped | no |
 * | `message_too_large` | a message exceeds a cap, inbound or outbound | no |
 * | `sender_mismatch` | a party wrote in the name of another's session or call; it was skipped | no |
 * | `overflow` | more arrived than was taken; messages were dropped, or the session ended | no |
 * | `session_ended` | the other side ended the session, or does not know it (any more) | yes |
 * | `too_many` | a cap on sessions or calls is reached | yes |
 * | `timeout` | no answer in time | yes |
 * | `not_subscribed` | the channel or context was not opened in this adapter | no |
 * | `name_invalid` | a context or agent id can't be part of a name | no |
 * | `sdk_missing` | an official SDK is needed that is not installed | no |
 */
export type AdapterErrorCode =
  | "closed"
  | "message_invalid"
  | "message_too_large"
  | "sender_mismatch"
  | "overflow"
  | "session_ended"
  | "too_many"
  | "timeout"
  | "not_subscribed"
  | "name_invalid"
  | "sdk_missing";

const RETRYABLE: ReadonlySet<AdapterErrorCode> = new Set(["session_ended", "too_many", "timeout"]);
/** What went wrong on the way, rather than in what was asked. */
const TRANSPORT: ReadonlySet<AdapterErrorCode> = new Set(["closed", "session_ended", "timeout"]);

interface AdapterErrorOptions extends Pick<ParleyErrorOptions, "cause"> {
  readonly bytes?: number;
  readonly limit?: number;
}

/** An adapter's failure; `retryable` follows from the code. */
export class AdapterError extends ParleyError<AdapterErrorCode> {
  override readonly name: string = "AdapterError";
  /** With `message_too_large`: how many bytes the message has. */
  readonly bytes: number | undefined;
  /** With `message_too_large`: how many bytes it may have. */
  readonly limit: number | undefined;

  /** The message without the prefix that names the subsystem. */
  readonly reason: string;

  constructor(code: AdapterErrorCode, reason: string, options: AdapterErrorOptions = {}) {
    const { bytes, limit, ...rest } = options;
    super(code, `${TRANSPORT.has(code) ? "transport" : "runtime"} error: ${reason}`, { ...rest, retryable: RETRYABLE.has(code) });
    this.reason = reason;
    this.bytes = bytes;
    this.limit = limit;
  }
}
