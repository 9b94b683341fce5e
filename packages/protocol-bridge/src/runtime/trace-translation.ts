import type { Telemetry, TelemetryOperation, TelemetrySpan } from "@parley/core";
import type { ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { carriedContext } from "../trace/trace-context.ts";

/**
 * Begins the span of an envelope that a bridge translates. It is a part of the span with which its port processes the envelope; a port without telemetry
 * passes on only what the sender states.
 */
export function traceTranslation(telemetry: Telemetry, { envelope, sender, id, within }: ReceivedEnvelope): TelemetrySpan {
  const { protocol, payload } = envelope;
  const about: Omit<TelemetryOperation, "isRoot"> = {
    name: "translate",
    system: "skytale",
    destination: protocol,
    id,
    from: sender,
    size: payload.length,
  };
  const context = carriedContext(envelope);
  const carried = context && { carried: { context, source: sender ?? "" } };
  if (within !== undefined) return within(() => telemetry.start({ ...about, ...carried, isRoot: false }));
  return telemetry.start({ ...about, ...carried, isRoot: true });
}
