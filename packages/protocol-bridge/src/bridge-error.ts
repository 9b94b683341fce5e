import { ParleyError, type ParleyErrorOptions } from "@parley/core";
import { AdapterError } from "@parley/envelope-and-adapters";

/**
 * Codes of a {@link BridgeError}.
 *
 * | code | meaning | retryable |
 * | --- | --- | --- |
 * | `message_invalid` | the message is malformed; it was skipped | no |
 * | `message_too_large` | the message, or its translation, exceeds a limit; it was skipped | no |
 * | `untranslatable` | the target's protocol cannot express the message; it was skipped | no |
 * | `trace_invalid` | `metadata.bridge` of the message is malformed; it was skipped | no |
 * | `too_many_hops` | the message has crossed `maxHops` bridges; it was skipped | no |
 * | `sender_mismatch` | a party sent a message in another party's MCP session; it was skipped | no |
 * | `not_taken` | a port rejected the message permanently; `cause` is its error | no |
 * | `not_settled` | settling a processed message failed; a redelivery has no effect | yes |
 * | `waiting` | a port rejects messages temporarily, or no MCP server answers; the bridge retries | yes |
 * | `session_ended` | the MCP server ended the session; the bridge opens a new one | yes |
 * | `port_ended` | a port was closed or failed; the bridge has ended | no |
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
/** Failures of ports and servers, rather than of single messages. */
const TRANSPORT: ReadonlySet<BridgeErrorCode> = new Set(["waiting", "session_ended", "port_ended"]);

/** A failure of a bridge. Its message never contains content of the message that it is about. */
export class BridgeError extends ParleyError<BridgeErrorCode> {
  override readonly name: string = "BridgeError";

  /** The message without its prefix, `transport error:` or `runtime error:`. */
  readonly reason: string;

  constructor(code: BridgeErrorCode, reason: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    super(code, `${TRANSPORT.has(code) ? "transport" : "runtime"} error: ${reason}`, { ...options, retryable: RETRYABLE.has(code) });
    this.reason = reason;
  }

  /** Converts an error from reading a message to a `BridgeError`: `message_too_large` if its code ends with that, else `message_invalid`. */
  static ofMessage(thrown: unknown): BridgeError {
    if (thrown instanceof BridgeError) return thrown;
    const { code, message } = ParleyError.from(thrown);
    const reason = thrown instanceof AdapterError ? thrown.reason : message;
    return new BridgeError(code.endsWith("_too_large") ? "message_too_large" : "message_invalid", reason, { cause: thrown });
  }
}
