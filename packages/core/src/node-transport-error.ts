import { isTemporaryProblem } from "./internal/temporary-problem.ts";
import { ParleyError, type ParleyErrorOptions } from "./error.ts";

/**
 * Why a transport to a node failed.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `connect_failed` | the node can't be reached, or answered late | yes |
 * | `unauthorized` | the node refused the API key | no |
 * | `join_refused` | the node refused the DID or its protocols | no |
 * | `taken_over` | another connection took this DID's place | no |
 * | `not_connected` | the link is down | yes |
 * | `disconnected` | the link broke before the node answered | yes |
 * | `push_timeout` | the node did not answer in time | yes |
 * | `rejected` | the node refused the message | by its problem code |
 * | `message_too_large` | the message exceeds what the node reads | no |
 * | `write_failed` | the message could not be written | no |
 * | `frame_invalid` | the node sent what can't be read | no |
 * | `closed` | the connection was closed | no |
 */
export type NodeTransportErrorCode =
  | "connect_failed"
  | "unauthorized"
  | "join_refused"
  | "taken_over"
  | "not_connected"
  | "disconnected"
  | "push_timeout"
  | "rejected"
  | "message_too_large"
  | "write_failed"
  | "frame_invalid"
  | "closed";

const RETRYABLE: ReadonlySet<NodeTransportErrorCode> = new Set(["connect_failed", "not_connected", "disconnected", "push_timeout"]);

/** A failure of a transport between an agent and its node. `retryable` follows from the code unless it is given. */
export class NodeTransportError extends ParleyError<NodeTransportErrorCode> {
  override readonly name: string = "NodeTransportError";

  constructor(code: NodeTransportErrorCode, message: string, options: ParleyErrorOptions = {}) {
    super(code, message, { retryable: RETRYABLE.has(code), ...options });
  }
}

/** The node rejected a message or a join, with a reason. `retryable` if its problem code allows a later attempt. */
export class RejectedError extends NodeTransportError {
  override readonly name: string = "RejectedError";
  /** The node's reason, as received, such as `unauthorized`. */
  readonly reason: string;
  /** The DIDComm problem code that the node sent with it, such as `e.m.authz.denied`. */
  readonly problemCode?: string;

  constructor(code: "rejected" | "join_refused", message: string, reason: string, problemCode?: string) {
    super(code, message, { retryable: isTemporaryProblem(problemCode) });
    this.reason = reason;
    if (problemCode !== undefined) this.problemCode = problemCode;
  }
}
