import { SpanKind } from "@opentelemetry/api";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace-base";
import { startNode, type Layr8Node, type NodeOptions } from "@parley/layr8-node";
import { freePort } from "@parley/test-assertions";
import { Client, type ErrorHandler, type Telemetry } from "layr8";
import { describe, expect, it, onTestFinished } from "vitest";
import { otel } from "../src/index.ts";
import { linkedSpans, millisecondsOf, pathOf, recordSpans, textOf } from "./recorded-spans.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ignore: ErrorHandler = () => {};

async function node(options: NodeOptions): Promise<Layr8Node> {
  const started = await startNode({ logger: false, ...options });
  onTestFinished(() => started.close());
  return started;
}

/** Nodes of two organisations that reach each other. */
async function twoNodes(telemetry: Telemetry | undefined): Promise<{ readonly acme: Layr8Node; readonly beta: Layr8Node }> {
  const [portA, portB] = [await freePort(), await freePort()];
  const hosts = { "acme.localhost": `http://127.0.0.1:${portA}`, "beta.localhost": `http://127.0.0.1:${portB}` };
  const traced = telemetry === undefined ? {} : { telemetry };
  const acme = await node({ port: portA, domain: "acme.localhost", resolution: { hosts }, ...traced });
  const beta = await node({ port: portB, domain: "beta.localhost", resolution: { hosts }, ...traced });
  return { acme, beta };
}

function agent(at: Layr8Node, agentDid: string, telemetry?: Telemetry): Client {
  const key = at.apiKey ?? "";
  const client = new Client({ nodeUrl: at.url, apiKey: key, agentDid, ...(telemetry && { telemetry }) }, ignore);
  onTestFinished(() => client.close());
  return client;
}

describe("traces of messages between nodes", () => {
  it("are one trace from agent to node to the other node to agent, and back, if contexts are trusted", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider, trust: ["did:web:*"] });
    const { acme, beta } = await twoNodes(telemetry);
    const alice = agent(acme, "did:web:acme.localhost:alice", telemetry);
    const bob = agent(beta, "did:web:beta.localhost:bob", telemetry);
    bob.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body }));
    await Promise.all([alice.connect(), bob.connect()]);
    await alice.request({ type: `${ECHO}/request`, to: bob.did, body: { text: "hello" } });

    // The last spans end after the response has arrived: when the nodes know that it has.
    await expect.poll(() => spans.named("deliver").length).toBe(2);
    await expect.poll(() => spans.named(`process ${ECHO}/request`).length).toBe(1);
    const all = spans.all();
    expect(new Set(all.map((span) => span.spanContext().traceId)).size).toBe(1);
    const request = spans.one(`request ${ECHO}/request`);
    const sent = `send ${ECHO}/request`;
    const processed = `process ${ECHO}/request`;
    const answered = `send ${ECHO}/response`;
    expect(request.parentSpanContext).toBeUndefined();
    expect(pathOf(spans.one(answered), all)).toEqual([answered, processed, sent, request.name]);
    // Spans of nodes are beside those of the agent: the message has the context of its send.
    const byParent = (name: string): string[] =>
      all
        .filter((span) => span.name === name)
        .map((span) => pathOf(span, all)[1] ?? "")
        .toSorted();
    for (const name of ["accept", "forward", "accept-remote", "deliver"]) expect([name, ...byParent(name)]).toEqual([name, sent, answered]);

    expect(request.kind).toBe(SpanKind.CLIENT);
    expect(spans.one(sent).kind).toBe(SpanKind.PRODUCER);
    expect(spans.one(processed).kind).toBe(SpanKind.CONSUMER);
    expect(spans.named("accept-remote")[0]?.kind).toBe(SpanKind.SERVER);
    expect(spans.one(processed).attributes).toMatchObject({
      "messaging.system.name": "didcomm",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": `${ECHO}/request`,
      "messaging.message.conversation_id": request.attributes["messaging.message.id"],
      "parley.attempt": 1,
    });
    const hosts = spans.named("forward").map(({ attributes }) => attributes["server.address"]);
    expect(new Set(hosts)).toEqual(new Set(["acme.localhost", "beta.localhost"]));
    for (const span of all) expect(millisecondsOf(span.endTime)).toBeGreaterThanOrEqual(millisecondsOf(span.startTime));
  });

  it("of others are linked and never continued by default, and DIDs are hashed", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider });
    const { acme, beta } = await twoNodes(telemetry);
    const alice = agent(acme, "did:web:acme.localhost:alice", telemetry);
    const bob = agent(beta, "did:web:beta.localhost:bob", telemetry);
    bob.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body }));
    await Promise.all([alice.connect(), bob.connect()]);
    await alice.request({ type: `${ECHO}/request`, to: bob.did, body: {} });
    await expect.poll(() => spans.named("deliver").length).toBe(2);

    const sent = spans.one(`send ${ECHO}/request`);
    for (const name of ["accept-remote", "accept", "forward", "deliver", `process ${ECHO}/request`]) {
      const [span] = spans.named(name);
      expect(span?.parentSpanContext).toBeUndefined();
      expect(span?.spanContext().traceId).not.toBe(sent.spanContext().traceId);
      expect(span && linkedSpans(span)).toEqual([sent.spanContext().spanId]);
    }
    expect(spans.all().map(textOf).join("")).not.toContain("did:web:");
  });

  it("of a sender that records itself do not make a recipient record", async () => {
    const theirs = recordSpans();
    const ours = recordSpans(new AlwaysOffSampler());
    const at = await node({ port: 0, telemetry: otel({ tracerProvider: ours.provider }) });
    const alice = agent(at, "did:web:localhost:alice", otel({ tracerProvider: theirs.provider }));
    const bob = agent(at, "did:web:localhost:bob", otel({ tracerProvider: ours.provider }));
    bob.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body }));
    await Promise.all([alice.connect(), bob.connect()]);
    const response = await alice.request({ type: `${ECHO}/request`, to: bob.did, body: {} });
    expect(theirs.one(`send ${ECHO}/request`).spanContext().traceFlags).toBe(1);
    expect(response.traceContext?.traceparent).toMatch(/-00$/);
    expect(ours.all()).toEqual([]);
  });

  it("record refusals by their code", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider });
    const at = await node({ port: 0, telemetry });
    const alice = agent(at, "did:web:localhost:alice", telemetry);
    const bob = agent(at, "did:web:localhost:bob", telemetry);
    bob.handle(`${ECHO}/request`, () => {
      throw new Error("CANARY-of-an-exception");
    });
    await Promise.all([alice.connect(), bob.connect()]);
    await expect(alice.request({ type: `${ECHO}/request`, to: bob.did, body: {} })).rejects.toThrow(/handler/);
    await expect(alice.send({ type: "https://layr8.io/protocols/none/1.0/x", to: bob.did, body: {} })).rejects.toThrow(/no handler/);
    await expect.poll(() => spans.named(`process ${ECHO}/request`).length).toBe(1);
    expect(spans.one(`process ${ECHO}/request`).attributes["error.type"]).toMatch(/^e\.p\./);
    expect(spans.one(`request ${ECHO}/request`).attributes["error.type"]).toBeDefined();
    const refused = spans
      .named("accept")
      .find(({ attributes }) => attributes["parley.message.type"] === "https://layr8.io/protocols/none/1.0/x");
    expect(refused?.attributes["error.type"]).toBe("no_handler");
    expect(spans.all().map(textOf).join("")).not.toContain("CANARY");
  });
});

describe("without telemetry", () => {
  it("a message carries no trace context, and one that a program states is kept", async () => {
    const at = await node({ port: 0 });
    const [alice, bob] = [agent(at, "did:web:localhost:alice"), agent(at, "did:web:localhost:bob")];
    bob.handle(`${ECHO}/request`, ({ traceContext }) => ({ type: `${ECHO}/response`, body: { stated: traceContext ?? null } }));
    await Promise.all([alice.connect(), bob.connect()]);
    const request = { type: `${ECHO}/request`, to: bob.did };
    const traceContext = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    expect((await alice.request(request)).body).toEqual({ stated: null });
    expect((await alice.request({ ...request, traceContext })).body).toEqual({ stated: traceContext });
  });
});
