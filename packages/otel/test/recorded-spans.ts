import { context, type HrTime, type SpanContext, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { onTestFinished } from "vitest";

/** Spans that were recorded in memory, and the provider to pass on. */
export interface RecordedSpans {
  readonly provider: BasicTracerProvider;
  readonly all: () => readonly ReadableSpan[];
  /** The spans with a name. */
  readonly named: (name: string) => readonly ReadableSpan[];
  /** The only span with a name. */
  readonly one: (name: string) => ReadableSpan;
}

/** Records spans until the test ends. Parents across callbacks need OpenTelemetry's global context manager, which is removed then. */
export function recordSpans(sampler?: Sampler): RecordedSpans {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)], ...(sampler && { sampler }) });
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  onTestFinished(async () => {
    context.disable();
    await provider.shutdown();
  });
  const all = (): readonly ReadableSpan[] => exporter.getFinishedSpans();
  const named = (name: string): readonly ReadableSpan[] => all().filter((span) => span.name === name);
  const one = (name: string): ReadableSpan => {
    const [found, ...others] = named(name);
    if (found === undefined || others.length > 0) {
      throw new Error(
        `${others.length + (found === undefined ? 0 : 1)} spans ${name} in ${all()
          .map((span) => span.name)
          .join(", ")}`,
      );
    }
    return found;
  };
  return { provider, all, named, one };
}

/** Names of a span and its ancestors, the root last, as far as they were recorded. */
export function pathOf(span: ReadableSpan, spans: readonly ReadableSpan[]): readonly string[] {
  const parent = spans.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId);
  return [span.name, ...(parent === undefined ? [] : pathOf(parent, spans))];
}

export function linkedSpans({ links }: ReadableSpan): readonly string[] {
  return links.map(({ context: linked }) => linked.spanId);
}

/** All that a span would show anyone: every name, attribute, event and link, as one text. */
export function textOf(span: ReadableSpan): string {
  const { name, attributes, events, links, status, resource, instrumentationScope } = span;
  return JSON.stringify([
    name,
    attributes,
    events,
    links,
    status,
    resource.attributes,
    instrumentationScope,
    contextText(span.spanContext()),
  ]);
}

function contextText({ traceState, ...ids }: SpanContext): unknown {
  return [ids, traceState?.serialize()];
}

export function millisecondsOf([seconds, nanoseconds]: HrTime): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Registers a provider for a part of a test. */
export function registerProvider(provider: BasicTracerProvider): void {
  trace.setGlobalTracerProvider(provider);
  onTestFinished(() => trace.disable());
}
