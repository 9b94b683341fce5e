import { ParleyError, type ParleyErrorOptions } from "@parley/core";

/**
 * Failures of the communication with the relay or the API server.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `connection_error` | the server is unreachable or overloaded, or the connection was lost | yes |
 * | `timeout` | the server did not answer in time | yes |
 * | `join_timeout` | no member answered the join request in time; repeat the call to continue waiting | yes |
 * | `transport_error` | the response is malformed, or a valid request was rejected | no |
 * | `listener_died` | reading a channel failed; `cause` contains the reason | no |
 * | `closed` | the client, manager or channel was closed | no |
 */
export type TransportErrorCode = "connection_error" | "timeout" | "join_timeout" | "transport_error" | "listener_died" | "closed";

const RETRYABLE: ReadonlySet<TransportErrorCode> = new Set(["connection_error", "timeout", "join_timeout"]);

/** The communication with a server failed. `retryable` depends on the code. */
export class TransportError extends ParleyError<TransportErrorCode> {
  override readonly name: string = "TransportError";

  constructor(code: TransportErrorCode, message: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, `transport error: ${message}`, { ...options, retryable: RETRYABLE.has(code) });
  }
}
