import type { Telemetry, TelemetryOperation, TelemetrySpan } from "@parley/core";
import { readTraceContext } from "@parley/core/internal";
import type { ReceivedEnvelope } from "@parley/envelope-and-adapters";

/**
 * Begins the span of an envelope that a bridge translates. It is a part of the span with which its port processes the envelope; a port without telemetry
 * passes on only what the sender states.
 */
export function traceTranslation(telemetry: Telemetry, { envelope, sender, id, within }: ReceivedEnvelope): TelemetrySpan {
  const { protocol, payload, extraHeaders } = envelope;
  const about: Omit<TelemetryOperation, "isRoot"> = {
    name: "translate",
    system: "skytale",
    destination: protocol,
    id,
    from: sender,
    size: payload.length,
  };
  if (within !== undefined) return within(() => telemetry.start({ ...about, isRoot: false }));
  const context = readTraceContext(extraHeaders["trace_context"]);
  return telemetry.start({ ...about, isRoot: true, ...(context && { carried: { context, source: sender ?? "" } }) });
}
