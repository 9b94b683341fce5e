import { context, trace } from "@opentelemetry/api";
import type { TelemetryOperation } from "@parley/core";
import { describe, expect, it } from "vitest";
import { otel } from "../src/index.ts";
import { linkedSpans, recordSpans, registerProvider } from "./recorded-spans.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const THEIRS = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "vendor=value" };
const SEND: TelemetryOperation = { name: "send", system: "didcomm", destination: "type", isRoot: false };

function processed(source: string): TelemetryOperation {
  return { name: "process", system: "didcomm", isRoot: true, carried: { context: THEIRS, source } };
}

describe("otel", () => {
  it.each([
    [{ trust: "did:web:acme.example:*" }, /Option "trust" must be a list of DIDs and channels/],
    [{ trust: ["*"] }, /Option "trust"/],
    [{ trust: ["did:*:shop"] }, /Option "trust"/],
    [{ identities: 1 }, /Option "identities" must be true or false/],
    [{ tracerProvider: {} }, /Option "tracerProvider" must be a TracerProvider/],
    [{ trusted: [] }, /Unknown option "trusted".*trust/],
  ])("rejects the options %j", (options, message) => {
    expect(() => otel(options as never)).toThrow(message);
  });

  it.each([
    ["did:web:acme.example:shop", true],
    ["did:web:acme.example:shop2", false],
    ["did:web:acme.example", false],
    ["did:web:beta.example:any", true],
    ["did:web:beta.example.evil.example:any", false],
    ["acme/team/general", true],
    ["acme/teams/general", false],
    ["", false],
  ])("continues the trace of %s: %j", (source, continues) => {
    const spans = recordSpans();
    const telemetry = otel({
      tracerProvider: spans.provider,
      trust: ["did:web:acme.example:shop", "did:web:beta.example:*", "acme/team/*"],
    });
    telemetry.start(processed(source)).end();
    const span = spans.one("process");
    expect(linkedSpans(span)).toEqual([SPAN]);
    expect(span.parentSpanContext?.spanId).toBe(continues ? SPAN : undefined);
    expect(span.spanContext().traceId === TRACE).toBe(continues);
  });

  it("makes an operation a part of the one that it runs in, unless it is a root", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider });
    const outer = telemetry.start({ ...SEND, name: "request" });
    await outer.run(async () => {
      await Promise.resolve();
      telemetry.start(SEND).end();
      telemetry.start(processed("someone")).end();
    });
    outer.end();
    expect(spans.one("send type").parentSpanContext?.spanId).toBe(spans.one("request type").spanContext().spanId);
    expect(spans.one("process").parentSpanContext).toBeUndefined();
  });

  it("gives messages the context of the span, with the state of a trusted trace", () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider, trust: ["did:web:acme.example:shop"] });
    const span = telemetry.start(processed("did:web:acme.example:shop"));
    span.end();
    const { spanId } = spans.one("process").spanContext();
    expect(span.traceContext).toEqual({ traceparent: `00-${TRACE}-${spanId}-01`, tracestate: "vendor=value" });
  });

  it.each([`00-${"0".repeat(32)}-${SPAN}-01`, `00-${TRACE}-${"0".repeat(16)}-01`, "00-xyz"])("ignores the context %s", (traceparent) => {
    const spans = recordSpans();
    const source = "did:web:acme.example:shop";
    const telemetry = otel({ tracerProvider: spans.provider, trust: [source] });
    telemetry.start({ ...processed(source), carried: { context: { traceparent }, source } }).end();
    expect(spans.one("process")).toMatchObject({ links: [], parentSpanContext: undefined });
  });

  it("records nothing, and gives no context, without an SDK", () => {
    const span = otel().start(SEND);
    expect(span.traceContext).toBeUndefined();
    expect(span.run(() => "result")).toBe("result");
    span.end({ error: "timeout" });
  });

  it("uses a provider that is registered after it was created", () => {
    const spans = recordSpans();
    const telemetry = otel();
    registerProvider(spans.provider);
    telemetry.start(SEND).end({ outcome: "handled", attempts: 2 });
    expect(spans.one("send type").attributes).toMatchObject({ "parley.outcome": "handled", "parley.attempts": 2 });
  });

  it("writes DIDs only if asked to, and shortens what peers choose", () => {
    const spans = recordSpans();
    const operation: TelemetryOperation = {
      ...SEND,
      id: "x".repeat(1000),
      from: "did:web:a",
      to: Array.from({ length: 100 }, () => "did:web:b"),
    };
    otel({ tracerProvider: spans.provider }).start(operation).end({ error: "secret text of a peer" });
    otel({ tracerProvider: spans.provider, identities: true }).start(operation).end();
    const [hashed, written] = spans.named("send type");
    expect(hashed?.attributes["parley.from"]).toMatch(/^[0-9a-f]{16}$/);
    expect(hashed?.attributes["parley.to"]).toHaveLength(16);
    expect(hashed?.attributes["messaging.message.id"]).toHaveLength(256);
    expect(hashed?.attributes["error.type"]).toBe("_OTHER");
    expect(written?.attributes["parley.from"]).toBe("did:web:a");
  });

  it("starts where it is told to", () => {
    const spans = recordSpans();
    const startedAt = Date.now() - 60_000;
    otel({ tracerProvider: spans.provider })
      .start({ ...SEND, startedAt })
      .end();
    const { startTime, duration } = spans.one("send type");
    expect(startTime[0]).toBe(Math.floor(startedAt / 1000));
    expect(duration[0]).toBeGreaterThanOrEqual(59);
  });

  it("leaves the context of the caller as it was", () => {
    const spans = recordSpans();
    const span = otel({ tracerProvider: spans.provider }).start(SEND);
    expect(trace.getSpan(context.active())).toBeUndefined();
    span.run(() => expect(trace.getSpan(context.active())).toBeDefined());
    expect(trace.getSpan(context.active())).toBeUndefined();
    span.end();
  });
});
