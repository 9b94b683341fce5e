import { isJsonObject, type JsonValue } from "./json.ts";
import type { TraceContext } from "./message.ts";

/** Version 00, or a later one without further fields. Ids of zeros and the version ff are invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const MAX_TRACESTATE = 512;

/**
 * Reads a trace context that arrived as JSON. An invalid one counts as absent; of a valid one, an invalid `tracestate` does.
 *
 * @see {@link https://www.w3.org/TR/trace-context/#traceparent-header | W3C Trace Context, traceparent}
 */
export function readTraceContext(value: JsonValue | undefined): TraceContext | undefined {
  if (!isJsonObject(value)) return undefined;
  const { traceparent, tracestate } = value;
  if (typeof traceparent !== "string" || !TRACEPARENT.test(traceparent)) return undefined;
  return typeof tracestate === "string" && tracestate.length <= MAX_TRACESTATE ? { traceparent, tracestate } : { traceparent };
}
