import { isJsonObject, type JsonObject, type TraceContext } from "@parley/core";
import { readTraceContext } from "@parley/core/internal";
import { Envelope, Protocol } from "@parley/envelope-and-adapters";
import { readJson, utf8 } from "../internal/json.ts";

/** Header of an envelope with the trace context of its send. */
const TRACE_HEADER = "trace_context";
const MARK = "traceparent";

/**
 * The trace context of a message: of its envelope's send, or what the message itself carries: `params._meta` of MCP requests, `metadata` or the service
 * parameters of A2A, `trace_context` of DIDComm. It is the sender's word.
 */
export function carriedContext(envelope: Envelope): TraceContext | undefined {
  return readTraceContext(envelope.extraHeaders[TRACE_HEADER]) ?? readTraceContext(carrierOf(envelope));
}

/**
 * Adds a trace context to a message in the form of its protocol, in place of the one that it has. Messages whose protocol has no place for it, and payloads that
 * can't be read, stay as they are.
 */
export function withTraceContext(envelope: Envelope, context: TraceContext): Envelope {
  const { protocol } = envelope;
  if (protocol !== Protocol.MCP && protocol !== Protocol.A2A && protocol !== Protocol.DIDCOMM) return envelope;
  const message = readJson(envelope.payload);
  const traced = isJsonObject(message) ? addTo(protocol, message, context) : undefined;
  if (traced === undefined) return envelope;
  const { contentType, metadata, extraHeaders } = envelope;
  return new Envelope(protocol, contentType, utf8(JSON.stringify(traced)), metadata, extraHeaders);
}

function addTo(protocol: string, message: JsonObject, { traceparent, tracestate }: TraceContext): JsonObject | undefined {
  const context: JsonObject = { traceparent, ...(tracestate !== undefined && { tracestate }) };
  if (protocol === Protocol.DIDCOMM) return { ...message, trace_context: context };
  if (protocol === Protocol.A2A) return "parts" in message ? { ...message, metadata: added(message["metadata"], context) } : undefined;
  const { method, params = {} } = message;
  if (typeof method !== "string" || !isJsonObject(params)) return undefined;
  return { ...message, params: { ...params, _meta: added(params["_meta"], context) } };
}

function added(carrier: unknown, context: JsonObject): JsonObject {
  const { traceparent: _traceparent, tracestate: _tracestate, ...others } = isJsonObject(carrier) ? carrier : {};
  return { ...others, ...context };
}

/** The object that may have a context, in the form of the envelope's protocol. */
function carrierOf({ protocol, payload, metadata }: Envelope): JsonObject | undefined {
  const { a2a } = metadata ?? {};
  if (protocol === Protocol.A2A && isJsonObject(a2a) && isJsonObject(a2a["parameters"])) return a2a["parameters"];
  // Nearly all messages without one are recognized without parsing them.
  if (!Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).includes(MARK)) return undefined;
  const message = readJson(payload);
  if (!isJsonObject(message)) return undefined;
  const { metadata: ofMessage, params, [TRACE_HEADER]: ofPlaintext } = message;
  if (protocol === Protocol.A2A) return asObject(ofMessage);
  if (protocol === Protocol.DIDCOMM) return asObject(ofPlaintext);
  return protocol === Protocol.MCP && isJsonObject(params) ? asObject(params["_meta"]) : undefined;
}

function asObject(value: unknown): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}
