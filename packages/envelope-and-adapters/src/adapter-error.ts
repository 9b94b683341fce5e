import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Codes of an {@link AdapterError}.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `closed` | the adapter, its session or its port is closed | no |
 * | `message_invalid` | a message or part is malformed; a received one was skipped | no |
 * | `message_too_large` | a message exceeds a limit, inbound or outbound | no |
 * | `sender_mismatch` | a party used the session or call of another party, or is not allowed to use this server; the message was skipped | no |
 * | `overflow` | a buffer was full: messages were dropped, or the session ended; or an answer was lost | no |
 * | `session_ended` | the other side ended the session, or does not know it | yes |
 * | `too_many` | the maximum number of sessions or calls is reached | yes |
 * | `timeout` | no answer arrived in time | yes |
 * | `not_subscribed` | the channel or context was not opened in this adapter | no |
 * | `name_invalid` | a context, agent or organisation id is invalid | no |
 * | `sdk_missing` | a required official SDK is not installed; the message names it | no |
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
/** Failures of connections and peers, rather than of arguments and messages. */
const TRANSPORT: ReadonlySet<AdapterErrorCode> = new Set(["closed", "session_ended", "timeout"]);

/** A failure of an adapter. Its message begins with `transport error:` or `runtime error:`. */
export class AdapterError extends ParleyError<AdapterErrorCode> {
  override readonly name: string = "AdapterError";
  /** For `message_too_large`: bytes of the message. */
  readonly bytes: number | undefined;
  /** For `message_too_large`: the limit in bytes. */
  readonly limit: number | undefined;

  /** The message without its prefix. */
  readonly reason: string;

  constructor(
    code: AdapterErrorCode,
    reason: string,
    options: Pick<ParleyErrorOptions, "cause"> & { readonly bytes?: number; readonly limit?: number } = {},
  ) {
    const { bytes, limit, ...rest } = options;
    super(code, `${TRANSPORT.has(code) ? "transport" : "runtime"} error: ${reason}`, { ...rest, retryable: RETRYABLE.has(code) });
    this.reason = reason;
    this.bytes = bytes;
    this.limit = limit;
  }
}
