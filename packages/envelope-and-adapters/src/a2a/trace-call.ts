import { ParleyError, type Telemetry, type TelemetrySpan } from "@parley/core";
import { readTraceContext } from "@parley/core/internal";
import type { ReceivedEnvelope } from "../port.ts";
import type { ServiceParameters } from "./call.ts";

/** Methods of A2A 1.0, which are parts of span names. A peer could choose any number of others. */
const METHODS: ReadonlySet<string> = new Set([
  "SendMessage",
  "SendStreamingMessage",
  "GetTask",
  "ListTasks",
  "CancelTask",
  "SubscribeToTask",
  "GetExtendedAgentCard",
]);

/** Service parameters of a call with the context of its span: the headers of W3C Trace Context, as over HTTP. */
export function withTraceParameters(parameters: ServiceParameters, { traceContext }: TelemetrySpan): ServiceParameters {
  if (traceContext === undefined) return parameters;
  const { tracestate: _tracestate, ...others } = parameters;
  return { ...others, ...traceContext };
}

/** Makes a call as a span, until its first answer. */
export async function traceRequest<T>(telemetry: Telemetry, id: string, call: (span: TelemetrySpan) => Promise<T>): Promise<T> {
  const span = telemetry.start({ name: "request", system: "skytale", id, isRoot: false });
  return ended(span, () => call(span));
}

/** Runs a received call as a span. Its context is the caller's word. */
export async function traceCall(
  telemetry: Telemetry,
  { id, method, parameters, source }: TracedCall,
  run: () => Promise<void>,
): Promise<void> {
  const context = readTraceContext({ ...parameters });
  const { within, sender: from } = source;
  const start = (): TelemetrySpan =>
    telemetry.start({
      name: "process",
      system: "skytale",
      destination: METHODS.has(method) ? method : undefined,
      type: method,
      id,
      from,
      isRoot: within === undefined,
      ...(context && { carried: { context, source: "" } }),
    });
  await ended(within === undefined ? start() : within(start), run);
}

/** A received call. */
export interface TracedCall {
  readonly id: string;
  readonly method: string;
  readonly parameters: ServiceParameters;
  readonly source: Pick<ReceivedEnvelope, "within" | "sender">;
}

async function ended<T>(span: TelemetrySpan, work: () => Promise<T>): Promise<T> {
  try {
    const result = await span.run(work);
    span.end();
    return result;
  } catch (error) {
    span.end({ error: ParleyError.from(error).code });
    throw error;
  }
}
