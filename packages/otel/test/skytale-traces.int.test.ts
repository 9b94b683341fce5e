import type { Telemetry } from "@parley/core";
import { startNode } from "@parley/layr8-node";
import { didcommPort } from "@parley/protocol-bridge";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import { Client } from "layr8";
import { Envelope, Protocol, ProtocolBridge, SkytaleChannelManager, type EnvelopePort } from "skytale";
import { describe, expect, it, onTestFinished } from "vitest";
import { otel } from "../src/index.ts";
import { linkedSpans, pathOf, recordSpans } from "./recorded-spans.ts";

const IN = "acme/a2a/desk";
const OUT = "acme/team/out";

async function skytale(telemetry?: Telemetry): Promise<SkytaleServer> {
  const server = await startSkytale({ port: 0, relayPort: 0, logger: false, ...(telemetry && { telemetry }) });
  onTestFinished(() => server.close());
  return server;
}

function member({ relayUrl, apiUrl, apiKey = "" }: SkytaleServer, identity: string, telemetry?: Telemetry): SkytaleChannelManager {
  const options = { endpoint: relayUrl, apiUrl, apiKey, identity, onWarning: () => {}, ...(telemetry && { telemetry }) };
  const manager = new SkytaleChannelManager(options);
  onTestFinished(() => manager.close());
  return manager;
}

function a2aText(text: string): Envelope {
  const message = { messageId: crypto.randomUUID(), role: "user", parts: [{ text }] };
  return new Envelope(Protocol.A2A, "application/json", new TextEncoder().encode(JSON.stringify(message)));
}

/** Receives one envelope of a port, and settles it. */
async function receiveOne(port: EnvelopePort): Promise<Envelope> {
  for await (const { envelope } of port.receive()) return envelope;
  throw new Error("the port has ended");
}

describe("traces of a channel", () => {
  it("are one trace from sender to receiver to bridge to target, and the relay's are apart from it", async () => {
    const spans = recordSpans();
    const relay = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider, trust: ["acme/*"] });
    const server = await skytale(otel({ tracerProvider: relay.provider, trust: ["did:*", "acme/*"] }));
    const [alice, bridge, bob] = [
      member(server, "alice", telemetry),
      member(server, "bridge", telemetry),
      member(server, "bob", telemetry),
    ];
    const sender = await alice.create(IN);
    await bob.create(OUT);
    await bridge.joinWithToken(IN, await alice.invite(IN));
    await bridge.joinWithToken(OUT, await bob.invite(OUT));
    await using bridges = new ProtocolBridge(bridge, { telemetry });
    await bridges.bridge(IN, OUT, Protocol.A2A, Protocol.SLIM);
    const target = await bob.open(OUT);
    const received = receiveOne(target);
    await sender.send(a2aText("hello"));
    const envelope = await received;
    expect(envelope.protocol).toBe(Protocol.SLIM);
    await expect.poll(() => spans.named(`process ${OUT}`).length).toBe(1);
    await expect.poll(() => spans.named("translate a2a").length).toBe(1);

    const path = [`process ${OUT}`, `send ${OUT}`, "translate a2a", `process ${IN}`, `send ${IN}`];
    expect(pathOf(spans.one(`process ${OUT}`), spans.all())).toEqual(path);
    const { traceId, spanId } = spans.one(`send ${OUT}`).spanContext();
    expect(envelope.extraHeaders["trace_context"]).toEqual({ traceparent: `00-${traceId}-${spanId}-01` });
    expect(spans.named(`join ${IN}`)).toHaveLength(1);
    expect(spans.named(`commit ${IN}`).length).toBeGreaterThan(0);
    expect(spans.one(`send ${IN}`).parentSpanContext).toBeUndefined();

    const traces = new Set(spans.all().map((span) => span.spanContext().traceId));
    expect(relay.named("publish").length).toBeGreaterThan(4);
    for (const span of relay.all()) {
      expect(["publish", "fan-out"]).toContain(span.name);
      expect([span.links, span.parentSpanContext, traces.has(span.spanContext().traceId)]).toEqual([[], undefined, false]);
      expect([IN, OUT]).toContain(span.attributes["messaging.destination.name"]);
    }
  });

  it("of members that are not trusted are linked", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider });
    const server = await skytale();
    const [alice, bob] = [member(server, "alice", telemetry), member(server, "bob", telemetry)];
    const sender = await alice.create(IN);
    await bob.joinWithToken(IN, await alice.invite(IN));
    await sender.send(a2aText("hello"));
    await alice.send(IN, "not an envelope");
    const receivedCount = async (): Promise<number> => {
      await bob.receive(IN, { timeoutMs: 0 });
      return spans.named(`receive ${IN}`).length;
    };
    await expect.poll(receivedCount).toBe(2);
    const [sent, raw] = spans.named(`send ${IN}`);
    const [first, second] = spans.named(`receive ${IN}`);
    expect(first && linkedSpans(first)).toEqual([sent?.spanContext().spanId]);
    expect(first?.parentSpanContext).toBeUndefined();
    // A message without an envelope has no place for a context.
    expect(second?.links).toEqual([]);
    expect(raw?.spanContext().traceId).not.toBe(second?.spanContext().traceId);
  });

  it("go on from a channel to an agent of a node over a bridge", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider, trust: ["acme/*", "did:web:*"] });
    const [server, node] = [await skytale(), await startNode({ port: 0, logger: false })];
    onTestFinished(() => node.close());
    const agent = (agentDid: string): Client => {
      const client = new Client({ nodeUrl: node.url, apiKey: node.apiKey ?? "", agentDid, telemetry }, () => {});
      onTestFinished(() => client.close());
      return client;
    };
    const [carol, gate] = [agent("did:web:localhost:carol"), agent("did:web:localhost:gate")];
    const arrived = new Promise<string>((resolve) => {
      carol.handleAll(({ traceContext }) => resolve(traceContext?.traceparent ?? ""));
    });
    const port = didcommPort(gate, { to: carol.did });
    await Promise.all([carol.connect(), gate.connect()]);
    const [alice, manager] = [member(server, "alice", telemetry), member(server, "bridge", telemetry)];
    const sender = await alice.create(IN);
    await manager.joinWithToken(IN, await alice.invite(IN));
    await using bridges = new ProtocolBridge(manager, { telemetry });
    await bridges.bridge(IN, { name: "carol", port }, Protocol.A2A, Protocol.DIDCOMM);
    await sender.send(a2aText("hello"));
    const { traceId } = spans.one(`send ${IN}`).spanContext();
    expect((await arrived).split("-")[1]).toBe(traceId);
  });
});
