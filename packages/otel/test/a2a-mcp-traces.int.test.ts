import { AgentEvent, DefaultRequestHandler, InMemoryTaskStore, type AgentExecutor } from "@a2a-js/sdk/server";
import { Role, type AgentCard, type Message } from "@a2a-js/sdk";
import type { Telemetry, TraceContext } from "@parley/core";
import { startNode } from "@parley/layr8-node";
import { mcpDidcommPort } from "@parley/protocol-bridge";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import { Client } from "layr8";
import { Protocol, ProtocolBridge, SkytaleChannelManager, type EnvelopePort } from "skytale";
import { A2aAdapter, A2aChannelTransportFactory, a2aChannelInterface, serveA2a } from "skytale/a2a";
import { McpChannelServer, McpChannelTransport, type JsonRpcMessage } from "skytale/mcp";
import { describe, expect, it, onTestFinished } from "vitest";
import { otel } from "../src/index.ts";
import { linkedSpans, pathOf, recordSpans, type RecordedSpans } from "./recorded-spans.ts";

const DESK = "acme/a2a/desk";
const TOOLS = "acme/team/tools";
const BASE = "https://layr8.io/protocols/mcp/1.0";
const CALL = { jsonrpc: "2.0", method: "tools/call", params: { name: "add", arguments: {} } } as const;
const FOREIGN = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "vendor=1" };

interface World {
  readonly server: SkytaleServer;
  member(identity: string, telemetry?: Telemetry): SkytaleChannelManager;
}

async function world(): Promise<World> {
  const server = await startSkytale({ port: 0, relayPort: 0, logger: false });
  onTestFinished(() => server.close());
  const { relayUrl: endpoint, apiUrl, apiKey = "" } = server;
  const member = (identity: string, telemetry?: Telemetry): SkytaleChannelManager => {
    const manager = new SkytaleChannelManager({ endpoint, apiUrl, apiKey, identity, onWarning: () => {}, ...(telemetry && { telemetry }) });
    onTestFinished(() => manager.close());
    return manager;
  };
  return { server, member };
}

/** The ports of two members of a channel. */
async function pair(name: string, one: SkytaleChannelManager, other: SkytaleChannelManager): Promise<[EnvelopePort, EnvelopePort]> {
  const port = await one.create(name);
  return [port, await other.joinWithToken(name, await one.invite(name))];
}

/** The context that a request carries in `_meta`. */
function metaOf(message: JsonRpcMessage): Record<string, unknown> | undefined {
  const meta: unknown = message.params === undefined ? undefined : Reflect.get(message.params, "_meta");
  return meta as Record<string, unknown> | undefined;
}

/** Answers what an MCP client asks first, and calls of tools. Returns the `_meta` of each call. */
function serveMcp(port: EnvelopePort, telemetry?: Telemetry): (Record<string, unknown> | undefined)[] {
  const seen: (Record<string, unknown> | undefined)[] = [];
  const listener = new McpChannelServer(port, { ...(telemetry && { telemetry }) });
  onTestFinished(() => listener.close());
  void listener.serve(async (session) => {
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a session is not an EventTarget
    session.onmessage = (message) => {
      const { id, method } = message;
      if (method === "tools/call") seen.push(metaOf(message));
      const tools = [{ name: "add", inputSchema: { type: "object" } }];
      const results: Record<string, object> = {
        initialize: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } },
        "tools/list": { tools },
        "tools/call": { content: [{ type: "text", text: "3" }] },
      };
      if (id !== undefined) void session.send({ jsonrpc: "2.0", id, result: results[method ?? ""] ?? {} });
    };
    await session.start();
  });
  return seen;
}

function contextOf(spans: RecordedSpans, name: string): TraceContext {
  const { traceId, spanId } = spans.one(name).spanContext();
  return { traceparent: `00-${traceId}-${spanId}-01` };
}

describe("MCP over a channel", () => {
  it("is one trace from the client's request to the server's handler, if the channel is trusted", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider, trust: ["acme/*"] });
    const { member } = await world();
    const [ours, theirs] = await pair(TOOLS, member("alice", telemetry), member("bob", telemetry));
    const seen = serveMcp(theirs, telemetry);
    const client = new McpChannelTransport(ours, { role: "client", telemetry });
    onTestFinished(() => client.close());
    await client.write({ ...CALL, id: 1, params: { ...CALL.params, _meta: { progressToken: 7, ...FOREIGN } } });
    expect(await client.read()).toMatchObject({ id: 1, result: {} });
    await expect.poll(() => spans.named("process tools/call").length).toBe(1);
    await expect.poll(() => spans.named("request tools/call").length).toBe(1);
    const path = ["process tools/call", `process ${TOOLS}`, `send ${TOOLS}`, "request tools/call"];
    expect(pathOf(spans.one("process tools/call"), spans.all())).toEqual(path);
    // The request carries its own span, in place of a context of another one.
    expect(seen).toEqual([{ progressToken: 7, ...contextOf(spans, "request tools/call") }]);
    const answer = spans.named(`send ${TOOLS}`).map((span) => pathOf(span, spans.all()).slice(0, 2));
    expect(answer).toContainEqual([`send ${TOOLS}`, "process tools/call"]);
  });

  it("is linked to the client's span, if the channel is not trusted", async () => {
    const [theirs, ours] = [recordSpans(), recordSpans()];
    const { member } = await world();
    const [client, server] = await pair(TOOLS, member("alice"), member("bob"));
    serveMcp(server, otel({ tracerProvider: ours.provider }));
    const transport = new McpChannelTransport(client, { role: "client", telemetry: otel({ tracerProvider: theirs.provider }) });
    onTestFinished(() => transport.close());
    await transport.write({ ...CALL, id: "a" });
    await transport.read();
    await expect.poll(() => ours.named("process tools/call").length).toBe(1);
    const processed = ours.one("process tools/call");
    expect(processed.parentSpanContext).toBeUndefined();
    expect(linkedSpans(processed)).toEqual([theirs.one("request tools/call").spanContext().spanId]);
    expect(processed.spanContext().traceId).not.toBe(theirs.one("request tools/call").spanContext().traceId);
  });

  it("ends the spans of requests that fail, that are cancelled, and that lose their session", async () => {
    const spans = recordSpans();
    const { member } = await world();
    const [client, server] = await pair(TOOLS, member("alice"), member("bob"));
    const listener = new McpChannelServer(server);
    void listener.serve(async (session) => {
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a session is not an EventTarget
      session.onmessage = ({ id, method }) => {
        if (id !== undefined && method === "peers/choose")
          void session.send({ jsonrpc: "2.0", id, error: { code: -32_601, message: "no" } });
      };
      await session.start();
    });
    const transport = new McpChannelTransport(client, { role: "client", telemetry: otel({ tracerProvider: spans.provider }) });
    await transport.write({ jsonrpc: "2.0", id: 1, method: "peers/choose" });
    await transport.read();
    await transport.write({ ...CALL, id: 2 });
    await transport.write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 2 } });
    await transport.write({ jsonrpc: "2.0", id: 3, method: "ping" });
    await transport.close();
    await listener.close();
    const errors = spans.all().map(({ name, attributes }) => [name, attributes["error.type"]]);
    // The name of a span has known methods only.
    expect(errors).toEqual([
      ["request", "-32601"],
      ["request tools/call", "cancelled"],
      ["request ping", "session_ended"],
    ]);
  });
});

describe("A2A over a channel", () => {
  it("carries the context of messages in their metadata", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider });
    const { member } = await world();
    const [alice, bob] = [member("alice"), member("bob")];
    await pair(DESK, alice, bob);
    await using asker = new A2aAdapter(alice, { agentId: "asker", org: "acme", telemetry });
    await using other = new A2aAdapter(bob, { agentId: "other", org: "acme", telemetry });
    await asker.openContext("desk");
    await other.openContext("desk");
    await asker.sendMessage("desk", [{ text: "hello" }], { metadata: { note: 1, ...FOREIGN } });
    const [message] = await other.receiveMessages("desk", { timeout: 20 });
    expect(message?.metadata).toEqual({ note: 1, ...contextOf(spans, `send ${DESK}`) });
    const received = spans.one(`receive ${DESK}`);
    expect(received.parentSpanContext).toBeUndefined();
    expect(linkedSpans(received)).toEqual([spans.one(`send ${DESK}`).spanContext().spanId]);
  });

  it("carries the context of calls in service parameters, and the agent's handler runs in a linked span", async () => {
    const [theirs, ours] = [recordSpans(), recordSpans()];
    const { member } = await world();
    const [client, server] = await pair(DESK, member("alice"), member("bob"));
    const telemetry = otel({ tracerProvider: ours.provider });
    const executor: AgentExecutor = {
      execute: async ({ contextId }, bus) => {
        telemetry.start({ name: "commit", system: "skytale", isRoot: false }).end();
        const answer: Message = {
          messageId: "m",
          contextId,
          taskId: "",
          role: Role.ROLE_AGENT,
          parts: [],
          metadata: undefined,
          extensions: [],
          referenceTaskIds: [],
        };
        bus.publish(AgentEvent.message(answer));
        bus.finished();
      },
      cancelTask: async () => undefined,
    };
    const card = {
      name: "a",
      version: "1",
      description: "",
      supportedInterfaces: [a2aChannelInterface("a")],
      capabilities: {},
      skills: [],
    };
    const handler = new DefaultRequestHandler(card as unknown as AgentCard, new InMemoryTaskStore(), executor);
    const serving = await serveA2a(server, handler, { telemetry });
    onTestFinished(() => serving.close());
    await using calls = new A2aChannelTransportFactory(client, { telemetry: otel({ tracerProvider: theirs.provider }) });
    const message = { messageId: "1", role: "ROLE_USER", parts: [{ text: "hi" }] };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "SendMessage", params: { message } });
    const response = await calls.fetch("a2a-channel://a", { method: "POST", headers: { "A2A-Version": "1.0" }, body });
    expect(await response.json()).toMatchObject({ id: 1 });
    await expect.poll(() => ours.named("process SendMessage").length).toBe(1);
    expect(linkedSpans(ours.one("process SendMessage"))).toEqual([theirs.one("request").spanContext().spanId]);
    expect(ours.one("process SendMessage").parentSpanContext).toBeUndefined();
    expect(pathOf(ours.one("commit"), ours.all())).toEqual(["commit", "process SendMessage"]);
  });
});

describe("a bridge", () => {
  it("puts the context of its translation into the tool call, so that A2A to MCP is one trace", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider, trust: ["acme/*"] });
    const { member } = await world();
    const [alice, bob, manager] = [member("alice", telemetry), member("bob", telemetry), member("bridge", telemetry)];
    await pair(DESK, alice, manager);
    const [, tools] = await pair(TOOLS, manager, bob);
    const seen = serveMcp(tools, telemetry);
    await using bridge = new ProtocolBridge(manager, { telemetry });
    const running = await bridge.bridge(DESK, TOOLS, Protocol.A2A, Protocol.MCP);
    await expect.poll(() => running.tools.length).toBe(1);
    await using adapter = new A2aAdapter(alice, { agentId: "asker", org: "acme", telemetry });
    await adapter.openContext("desk");
    await adapter.sendMessage("desk", [{ data: { tool: "add", arguments: {} } }]);
    await adapter.receiveMessages("desk", { timeout: 20 });
    await expect.poll(() => spans.named("process tools/call").length).toBe(1);
    await expect.poll(() => spans.named("translate a2a").length).toBe(1);
    const path = pathOf(spans.one("process tools/call"), spans.all());
    expect(path.slice(0, 5)).toEqual(["process tools/call", `process ${TOOLS}`, `send ${TOOLS}`, "translate a2a", `process ${DESK}`]);
    expect(path.at(-1)).toBe(`send ${DESK}`);
    expect(seen).toEqual([contextOf(spans, "translate a2a")]);
  });

  it("links contexts that it does not trust", async () => {
    const spans = recordSpans();
    const { member } = await world();
    const [alice, bob, manager] = [member("alice"), member("bob"), member("bridge")];
    await pair(DESK, alice, manager);
    const [, tools] = await pair(TOOLS, manager, bob);
    const seen = serveMcp(tools);
    await using bridge = new ProtocolBridge(manager, { telemetry: otel({ tracerProvider: spans.provider }) });
    const running = await bridge.bridge(DESK, TOOLS, Protocol.A2A, Protocol.MCP);
    await expect.poll(() => running.tools.length).toBe(1);
    await using adapter = new A2aAdapter(alice, { agentId: "asker", org: "acme" });
    await adapter.openContext("desk");
    await adapter.sendMessage("desk", [{ data: { tool: "add", arguments: {} } }], { metadata: FOREIGN });
    await adapter.receiveMessages("desk", { timeout: 20 });
    await expect.poll(() => spans.named("translate a2a").length).toBe(1);
    const translated = spans.one("translate a2a");
    expect(translated.parentSpanContext).toBeUndefined();
    expect(translated.links.map(({ context }) => context.spanId)).toEqual(["b7ad6b7169203331"]);
    expect(seen).toEqual([contextOf(spans, "translate a2a")]);
  });

  it("without telemetry passes contexts on: from A2A to MCP, and between MCP on a channel and over DIDComm", async () => {
    const { member } = await world();
    const [alice, bob, manager] = [member("alice"), member("bob"), member("bridge")];
    await pair(DESK, alice, manager);
    const [, tools] = await pair(TOOLS, manager, bob);
    const seen = serveMcp(tools);
    const node = await startNode({ port: 0, logger: false });
    onTestFinished(() => node.close());
    const agent = (agentDid: string): Client => {
      const client = new Client({ nodeUrl: node.url, apiKey: node.apiKey ?? "", agentDid }, () => {});
      onTestFinished(() => client.close());
      return client;
    };
    const gate = agent("did:web:localhost:gate");
    const port = mcpDidcommPort(gate);
    await gate.connect();
    await using bridge = new ProtocolBridge(manager);
    const running = await bridge.bridge(DESK, TOOLS, Protocol.A2A, Protocol.MCP);
    await bridge.bridge({ name: "agents", port }, TOOLS, Protocol.MCP, Protocol.MCP, { agent: "gate" });
    await expect.poll(() => running.tools.length).toBe(1);
    await using adapter = new A2aAdapter(alice, { agentId: "asker", org: "acme" });
    await adapter.openContext("desk");
    await adapter.sendMessage("desk", [{ data: { tool: "add", arguments: {} } }], { metadata: FOREIGN });
    await adapter.receiveMessages("desk", { timeout: 20 });
    const carol = agent("did:web:localhost:carol");
    carol.mcp();
    await carol.connect();
    const ask = (more: object): Promise<unknown> =>
      carol.request({ type: `${BASE}/tools-call`, to: gate.did, body: { ...CALL, id: 1 }, ...more });
    await ask({ traceContext: FOREIGN });
    await ask({ body: { ...CALL, id: 1, params: { ...CALL.params, _meta: FOREIGN } } });
    await ask({});
    expect(seen).toEqual([FOREIGN, FOREIGN, FOREIGN, undefined]);
    await port.close();
  });
});

describe("servers", () => {
  it("report that a settled message was removed, and that recorded messages were offered to readers", async () => {
    const spans = recordSpans();
    const telemetry = otel({ tracerProvider: spans.provider });
    const node = await startNode({ port: 0, logger: false, telemetry });
    onTestFinished(() => node.close());
    const agent = (agentDid: string): Client => {
      const client = new Client({ nodeUrl: node.url, apiKey: node.apiKey ?? "", agentDid }, () => {});
      onTestFinished(() => client.close());
      return client;
    };
    const [alice, bob] = [agent("did:web:localhost:alice"), agent("did:web:localhost:bob")];
    bob.handleAll(() => undefined);
    await Promise.all([alice.connect(), bob.connect()]);
    const { id } = await alice.send({ type: "https://didcomm.org/basicmessage/2.0/message", to: bob.did, body: { content: "hi" } });
    await expect.poll(() => spans.named("settle").length).toBe(1);
    const settled = spans.one("settle");
    expect(settled.attributes).toMatchObject({ "messaging.message.id": id, "messaging.operation.type": "settle" });
    expect(settled.attributes["error.type"]).toBeUndefined();

    const server = await startSkytale({ port: 0, relayPort: 0, logger: false, telemetry });
    onTestFinished(() => server.close());
    const { relayUrl: endpoint, apiUrl, apiKey = "" } = server;
    const [erin, dave] = ["erin", "dave"].map((identity) => {
      const manager = new SkytaleChannelManager({ endpoint, apiUrl, apiKey, identity, onWarning: () => {} });
      onTestFinished(() => manager.close());
      return manager;
    }) as [SkytaleChannelManager, SkytaleChannelManager];
    await pair(TOOLS, erin, dave);
    await erin.send(TOOLS, "hello");
    await dave.receive(TOOLS, { timeoutMs: 20_000 });
    await expect.poll(() => spans.named("fan-out").some(({ attributes }) => attributes["parley.readers"] === 2)).toBe(true);
    for (const span of spans.named("fan-out")) {
      expect(span.attributes).toMatchObject({ "messaging.destination.name": TOOLS, "parley.sequence": expect.any(Number) });
      expect([span.links, span.parentSpanContext]).toEqual([[], undefined]);
    }
  });
});
