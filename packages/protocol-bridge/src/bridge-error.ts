import { ParleyError, type ParleyErrorOptions } from "@parley/core";
import { AdapterError } from "@parley/envelope-and-adapters";

/** Codes of a {@link BridgeError}. The README lists what each one means. */
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

/** What a code means. */
interface BridgeErrorInfo {
  /** For the README, whose table is generated from this one. */
  readonly meaning: string;
  /** The prefix of the error's message: `transport` for failures of ports and servers, `runtime` for failures of single messages. */
  readonly kind: "transport" | "runtime";
  readonly retryable: boolean;
}

/** All codes of a {@link BridgeError}. */
export const BRIDGE_ERRORS: Readonly<Record<BridgeErrorCode, BridgeErrorInfo>> = {
  message_invalid: { meaning: "the message is malformed; it was skipped", kind: "runtime", retryable: false },
  message_too_large: { meaning: "the message, or its translation, exceeds a limit; it was skipped", kind: "runtime", retryable: false },
  untranslatable: { meaning: "the target's protocol cannot express the message; it was skipped", kind: "runtime", retryable: false },
  trace_invalid: { meaning: "`metadata.bridge` of the message is malformed; it was skipped", kind: "runtime", retryable: false },
  too_many_hops: { meaning: "the message has crossed `maxHops` bridges; it was skipped", kind: "runtime", retryable: false },
  sender_mismatch: { meaning: "a party sent a message in another party's MCP session; it was skipped", kind: "runtime", retryable: false },
  not_taken: { meaning: "a port rejected the message permanently; `cause` is its error", kind: "runtime", retryable: false },
  not_settled: { meaning: "settling a processed message failed; a redelivery has no effect", kind: "runtime", retryable: true },
  waiting: {
    meaning: "a port rejects messages temporarily, or no MCP server answers; the bridge retries",
    kind: "transport",
    retryable: true,
  },
  session_ended: { meaning: "the MCP server ended the session; the bridge opens a new one", kind: "transport", retryable: true },
  port_ended: { meaning: "a port was closed or failed; the bridge has ended", kind: "transport", retryable: false },
};

/** A failure of a bridge. Its message never contains content of the message that it is about. */
export class BridgeError extends ParleyError<BridgeErrorCode> {
  override readonly name: string = "BridgeError";

  /** The message without its prefix, `transport error:` or `runtime error:`. */
  readonly reason: string;

  constructor(code: BridgeErrorCode, reason: string, options: Pick<ParleyErrorOptions, "cause"> = {}) {
    const { kind, retryable } = BRIDGE_ERRORS[code];
    super(code, `${kind} error: ${reason}`, { ...options, retryable });
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
