import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Reasons for which NATS can't be used, or a call between servers fails.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `nats_unreachable` | none of the NATS servers accepted the connection in time; the message names the last reason | yes |
 * | `nats_unsupported` | a server is too old, has no JetStream, or accepts smaller messages than are needed; the message says which setting to change | no |
 * | `clock_ahead` | this machine's clock is ahead of that of NATS, so that data of all servers would expire early | no |
 * | `streams_unavailable` | JetStream could not create or open a stream in time | yes |
 * | `call_timeout` | another server did not answer in time | yes |
 * | `call_unanswered` | the link to another server broke before it answered | yes |
 * | `call_failed` | the other server answered with an error, or with something that is not an answer | no |
 */
export type JetstreamErrorCode =
  | "nats_unreachable"
  | "nats_unsupported"
  | "clock_ahead"
  | "streams_unavailable"
  | "call_timeout"
  | "call_unanswered"
  | "call_failed";

const FINAL: ReadonlySet<JetstreamErrorCode> = new Set(["nats_unsupported", "clock_ahead", "call_failed"]);

/** A failure of the connection to NATS, or of a call between servers. Failed reads and writes are a `StorageError`. */
export class JetstreamError extends ParleyError<JetstreamErrorCode> {
  override readonly name: string = "JetstreamError";

  constructor(code: JetstreamErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, message, { ...options, retryable: !FINAL.has(code) });
  }
}
