import { isJsonObject, ParleyError, type JsonObject, type Telemetry } from "@parley/core";
import { readTraceContext } from "@parley/core/internal";
import type { ReceivedEnvelope } from "../port.ts";

/** The message of a span. */
export interface TracedMessage {
  readonly id: string;
  readonly channel: string;
}

/**
 * Sends a message of a context as a span, whose context the message carries in its metadata, as `traceparent` and `tracestate`.
 *
 * @param send gets the metadata with the context.
 */
export async function traceMessage(
  telemetry: Telemetry,
  { id, channel }: TracedMessage,
  metadata: JsonObject | null | undefined,
  send: (metadata: JsonObject | null | undefined) => Promise<void>,
): Promise<void> {
  const span = telemetry.start({ name: "send", system: "skytale", destination: channel, id, isRoot: false });
  const { tracestate: _tracestate, ...others } = metadata ?? {};
  const carried = span.traceContext === undefined ? metadata : { ...others, ...span.traceContext };
  try {
    await span.run(() => send(carried));
    span.end();
  } catch (error) {
    span.end({ error: ParleyError.from(error).code });
    throw error;
  }
}

/** A message of a context has arrived. Only members of the channel can have written its context. */
export function traceReceived(
  telemetry: Telemetry,
  { id, channel }: TracedMessage,
  metadata: unknown,
  { within, sender: from, envelope }: ReceivedEnvelope,
): void {
  const context = isJsonObject(metadata) ? readTraceContext(metadata) : undefined;
  const about = { name: "receive", system: "skytale", destination: channel, id, from, size: envelope.payload.length } as const;
  const carried = context && { carried: { context, source: channel } };
  const start = (): void => telemetry.start({ ...about, ...carried, isRoot: within === undefined }).end();
  if (within === undefined) start();
  else within(start);
}
