import { AdapterError } from "../adapter-error.ts";
import { rejectedMessage } from "../internal/rejected-message.ts";
import { readJsonRpc } from "./json-rpc.ts";
import type { SessionSink } from "./session.ts";

/**
 * Passes a message to a session. A malformed message is reported to the session, and error responses are sent to its sender with `reply` and to
 * the waiting request.
 */
export function deliverJsonRpc(payload: Uint8Array, maxBytes: number, sink: SessionSink, reply: (payload: Uint8Array) => void): void {
  try {
    sink.message(readJsonRpc(payload, maxBytes), payload.length);
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    const rejected = rejectedMessage(payload, error);
    if (rejected.reply !== undefined) reply(new TextEncoder().encode(JSON.stringify(rejected.reply)));
    if (rejected.response !== undefined) sink.message(rejected.response, 0);
    sink.fault(error);
  }
}
