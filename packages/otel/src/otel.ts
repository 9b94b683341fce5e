import { context, ROOT_CONTEXT, type Span, SpanStatusCode, trace, type Tracer, type Context } from "@opentelemetry/api";
import type { CarriedContext, Telemetry, TelemetryEnd, TelemetryOperation, TelemetrySpan, TraceContext } from "@parley/core";
import { attributesOf, endAttributesOf, spanKindOf, spanNameOf } from "./attributes.ts";
import { spanContextOf, traceContextOf } from "./carried-context.ts";
import { checkOtelOptions, type OtelOptions } from "./otel-options.ts";
import { isTrusted } from "./trust.ts";

/** Name of the instrumentation. */
const NAME = "@parley/otel";

/**
 * Records what agents, servers and bridges do as spans of OpenTelemetry. Pass it as their option `telemetry`. Without a registered SDK nothing is
 * recorded, and messages carry no trace context.
 *
 * Spans have ids, sizes, codes, message types and channels. They never have the content of a message, a key or a token.
 *
 * @throws TypeError naming the option that is unknown or invalid.
 * @example
 * ```ts
 * import { otel } from "@parley/otel";
 * import { Client, logErrors } from "layr8";
 *
 * const telemetry = otel({ trust: ["did:web:acme.example:*"] });
 * const client = new Client({ agentDid: "did:web:acme.example:shop", telemetry }, logErrors());
 * ```
 */
export function otel(options: OtelOptions = {}): Telemetry {
  checkOtelOptions(options);
  return new OtelTelemetry(options);
}

class OtelTelemetry implements Telemetry {
  readonly #provider: OtelOptions["tracerProvider"];
  readonly #trust: readonly string[];
  readonly #identities: boolean;

  constructor({ tracerProvider, trust = [], identities = false }: OtelOptions) {
    this.#provider = tracerProvider;
    this.#trust = [...trust];
    this.#identities = identities;
  }

  start(operation: TelemetryOperation): TelemetrySpan {
    const { carried, isRoot, startedAt } = operation;
    const theirs = carried && spanContextOf(carried.context);
    const continues = theirs !== undefined && isRoot && this.#continues(carried);
    const parent = continues ? trace.setSpanContext(ROOT_CONTEXT, theirs) : isRoot ? ROOT_CONTEXT : context.active();
    const span = this.#tracer().startSpan(
      spanNameOf(operation),
      {
        kind: spanKindOf(operation),
        attributes: attributesOf(operation, this.#identities),
        ...(theirs !== undefined && { links: [{ context: theirs }] }),
        ...(startedAt !== undefined && { startTime: new Date(startedAt) }),
      },
      parent,
    );
    return new OtelSpan(span, trace.setSpan(parent, span));
  }

  #continues(carried: CarriedContext | undefined): boolean {
    return carried !== undefined && isTrusted(carried.source, this.#trust);
  }

  /** Asked for each span: a program may register its provider later. */
  #tracer(): Tracer {
    return (this.#provider ?? trace).getTracer(NAME);
  }
}

class OtelSpan implements TelemetrySpan {
  readonly #span: Span;
  readonly #context: Context;

  constructor(span: Span, context: Context) {
    this.#span = span;
    this.#context = context;
  }

  get traceContext(): TraceContext | undefined {
    return traceContextOf(this.#span.spanContext());
  }

  run<T>(work: () => T): T {
    return context.with(this.#context, work);
  }

  end(end: TelemetryEnd = {}): void {
    this.#span.setAttributes(endAttributesOf(end));
    if (end.error !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end();
  }
}
