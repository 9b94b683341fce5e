import { ParleyError, type ParleyErrorOptions } from "@parley/core";
import { AdapterError } from "@parley/envelope-and-adapters";

/**
 * What went wrong at a bridge. Messages begin with `transport error:` or `runtime error:`, as those of channels do.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `message_invalid` | what arrived is no message of its protocol; it was skipped | no |
 * | `message_too_large` | a message, or what the other protocol would make of it, exceeds a cap; it was skipped | no |
 * | `untranslatable` | the other protocol has no place for this message; it was skipped | no |
 * | `trace_invalid` | what a message says of the bridges that it crossed is malformed; it was skipped | no |
 * | `too_many_hops` | a message has crossed as many bridges as it may; it was skipped | no |
 * | `sender_mismatch` | a party wrote in a session that is not its own; it was skipped | no |
 * | `not_taken` | a port refused this message for good, and goes on with others; it was skipped | no |
 * | `not_settled` | a port could not note that a message is done with; it may come again, without effect | yes |
 * | `waiting` | a port does not take messages for now, or no MCP server answers; the bridge tries again, in order | yes |
 * | `session_ended` | the MCP server ended the session; the bridge opens another, calls under way were answered with an error | yes |
 * | `port_ended` | a port of the bridge was closed or broke; this bridge is over | no |
 */
export type BridgeErrorCode =
  | "message_invalid"
  | "message_too_large"
  | "untranslatable"
  | "trace_invalid"
  | "too_many_hops"
  | "sender_mismatch"
  | "not_taken"
  | "not_settled"
  | "waiting"
  | "session_ended"
  | "port_ended";

const RETRYABLE: ReadonlySet<BridgeErrorCode> = new Set(["not_settled", "waiting", "session_ended"]);
/** What went wrong on the way, rather than with a message. */
const TRANSPORT: ReadonlySet<BridgeErrorCode> = new Set(["waiting", "session_ended", "port_ended"]);

/** A bridge's failure; `retryable` follows from the code. Messages never hold what the message in question said. */
export class BridgeError extends ParleyError<BridgeErrorCode> {
  override readonly name: string = "BridgeError";

  /** The message without the prefix that names the subsystem. */
  readonly reason: string;

  constructor(code: BridgeErrorCode, reason: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, `${TRANSPORT.has(code) ? "transport" : "runtime"} error: ${reason}`, { ...options, retryable: RETRYABLE.has(code) });
    this.reason = reason;
  }

  /** What a reader of a message threw, as the reason to skip the message. */
  static ofMessage(thrown: unknown): BridgeError {
    if (thrown instanceof BridgeError) return thrown;
    const { code, message } = ParleyError.from(thrown);
    const reason = thrown instanceof AdapterError ? thrown.reason : message;
    return new BridgeError(code.endsWith("_too_large") ? "message_too_large" : "message_invalid", reason, { cause: thrown });
  }
}
