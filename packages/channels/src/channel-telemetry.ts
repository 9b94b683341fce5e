import {
  type CarriedContext,
  ParleyError,
  type Telemetry,
  type TelemetryOperation,
  type TelemetrySpan,
  type TraceContext,
} from "@parley/core";
import { readTraceContext } from "@parley/core/internal";
import { Envelope, EnvelopeError } from "@parley/envelope-and-adapters";

/** Header of an envelope with the trace context of its sender. It is encrypted with the envelope: the relay never sees it. */
const TRACE_HEADER = "trace_context";

/** Reports what an agent does on one channel as spans. */
export class ChannelTelemetry {
  readonly #telemetry: Telemetry;
  readonly #channel: string;

  constructor(telemetry: Telemetry, channel: string) {
    this.#telemetry = telemetry;
    this.#channel = channel;
  }

  /** Runs a send. @param send gets the context of its span, for the message. */
  async send<T>(send: (context: TraceContext | undefined) => Promise<T>): Promise<T> {
    const span = this.#start("send", { isRoot: false });
    return ended(span, () => send(span.traceContext));
  }

  /** Begins the processing of an envelope. */
  process(envelope: Envelope, about: Pick<TelemetryOperation, "id" | "from">): TelemetrySpan {
    return this.#start("process", { ...about, size: envelope.payload.length, carried: this.#carriedBy(envelope), isRoot: true });
  }

  /** A message was returned to the program. */
  received(data: Uint8Array, about: Pick<TelemetryOperation, "id" | "from" | "sequence">): void {
    const carried = this.#carriedBy(Envelope.wrap(data));
    this.#start("receive", { ...about, size: data.length, carried, isRoot: true }).end();
  }

  /** Runs a change of the group. A trace of its own: most changes are made in the background. */
  async commit<T>(change: (attempted: (attempts: number) => void) => Promise<T>): Promise<T> {
    let attempts = 1;
    const span = this.#start("commit", { isRoot: true });
    return ended(
      span,
      () => change((count) => (attempts = count)),
      () => attempts,
    );
  }

  #start(name: TelemetryOperation["name"], rest: Omit<TelemetryOperation, "name" | "system">): TelemetrySpan {
    return this.#telemetry.start({ name, system: "skytale", destination: this.#channel, ...rest });
  }

  /** Only members can have written it. Which of them is a claim of theirs, so the channel is named as the source. */
  #carriedBy({ extraHeaders }: Envelope): CarriedContext | undefined {
    const context = readTraceContext(extraHeaders[TRACE_HEADER]);
    return context && { context, source: this.#channel };
  }
}

/** Joins a channel as a span. */
export function traceJoin<T>(telemetry: Telemetry | undefined, channel: string, join: () => Promise<T>): Promise<T> {
  if (telemetry === undefined) return join();
  const span = telemetry.start({ name: "join", system: "skytale", destination: channel, isRoot: false });
  return ended(span, () => span.run(join));
}

/**
 * The bytes of an envelope with the trace context of its send. A context that it had is of another send, and must not stand for this one. Without a
 * context, or without room for it, the envelope is sent as it is.
 *
 * @throws EnvelopeError of `Envelope.serialize`
 */
export function serializeTraced(envelope: Envelope, context: TraceContext | undefined): Uint8Array {
  if (context === undefined) return envelope.serialize();
  const { protocol, contentType, payload, metadata, extraHeaders } = envelope;
  try {
    return new Envelope(protocol, contentType, payload, metadata, { ...extraHeaders, [TRACE_HEADER]: { ...context } }).serialize();
  } catch (error) {
    if (error instanceof EnvelopeError && error.code === "header_too_large") return envelope.serialize();
    throw error;
  }
}

async function ended<T>(span: TelemetrySpan, work: () => Promise<T>, attempts: () => number = () => 1): Promise<T> {
  const counted = (): { attempts?: number } => (attempts() > 1 ? { attempts: attempts() } : {});
  try {
    const result = await work();
    span.end(counted());
    return result;
  } catch (error) {
    span.end({ error: ParleyError.from(error).code, ...counted() });
    throw error;
  }
}
