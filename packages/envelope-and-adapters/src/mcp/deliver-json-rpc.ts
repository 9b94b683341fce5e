import { AdapterError } from "../adapter-error.ts";
import { rejectedMessage } from "../internal/rejected-message.ts";
import { readJsonRpc } from "./json-rpc.ts";
import type { MessageSource, SessionSink } from "./session.ts";

/**
 * Passes a message to a session. A malformed message is reported to the session, and error responses are sent to its sender with `reply` and to
 * the waiting request.
 */
export function deliverJsonRpc(
  payload: Uint8Array,
  { maxBytes, sink, source, reply }: { maxBytes: number; sink: SessionSink; source: MessageSource; reply: (payload: Uint8Array) => void },
): void {
  try {
    sink.message(readJsonRpc(payload, maxBytes), payload.length, source);
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    const rejected = rejectedMessage(payload, error);
    if (rejected.reply !== undefined) reply(new TextEncoder().encode(JSON.stringify(rejected.reply)));
    if (rejected.response !== undefined) sink.message(rejected.response, 0, source);
    sink.fault(error);
  }
}
