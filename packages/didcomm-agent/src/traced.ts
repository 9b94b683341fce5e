import { ParleyError, threadOf, type CarriedContext, type Message, type Telemetry, type TelemetryOperation } from "@parley/core";

import type { Mutable } from "./mutable.ts";

/**
 * Sends a message as a span, whose context the message then carries. A context that it had, such as that of a message which is forwarded, is of another
 * span: it must not stand for this one.
 */
export async function traceSend<T>(telemetry: Telemetry, message: Message, send: () => Promise<T>): Promise<T> {
  const span = telemetry.start({ ...about("send", message), isRoot: false });
  if (span.traceContext !== undefined) (message as Mutable<Message>).traceContext = span.traceContext;
  try {
    const sent = await send();
    span.end();
    return sent;
  } catch (error) {
    span.end({ error: ParleyError.from(error).code });
    throw error;
  }
}

/** Waits for the response to a request as a span, of which the request is a part. */
export async function traceRequest<T>(telemetry: Telemetry, message: Message, ask: () => Promise<T>): Promise<T> {
  const span = telemetry.start({ ...about("request", message), isRoot: false });
  try {
    const response = await span.run(ask);
    span.end();
    return response;
  } catch (error) {
    span.end({ error: ParleyError.from(error).code });
    throw error;
  }
}

/** Handles a message as a span, of which everything that the handler does is a part. @param handle returns the code of the problem, if it fails. */
export async function traceProcess(
  telemetry: Telemetry,
  { message, attempt }: { readonly message: Message; readonly attempt: number | undefined },
  handle: () => Promise<string | undefined>,
): Promise<void> {
  const carried = carriedBy(message);
  const span = telemetry.start({ ...about("process", message), attempt, isRoot: true, ...(carried && { carried }) });
  const error = await span.run(handle);
  span.end({ error });
}

function about(name: TelemetryOperation["name"], message: Message): Omit<TelemetryOperation, "isRoot"> {
  const { id, type, from, to } = message;
  return { name, system: "didcomm", destination: type, type, id, thread: threadOf(message), from, to };
}

/** The node has proven who the sender is. */
function carriedBy({ traceContext: context, from: source }: Message): CarriedContext | undefined {
  return context === undefined ? undefined : { context, source: source ?? "" };
}
