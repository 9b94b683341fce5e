import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Protocol } from "@parley/envelope-and-adapters";
import { A2aAdapter } from "@parley/envelope-and-adapters/a2a";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { mcpDidcommPort, ProtocolBridge, type BridgeOptions } from "../../src/index.ts";
import { Agents, BRIDGE, CALLER } from "../support/agents.ts";
import { firstText } from "../support/messages.ts";
import { greeter, serveTools } from "../support/tools.ts";
import { eventually, world } from "../support/world.ts";

const { A2A, MCP } = Protocol;
const BASE = "https://layr8.io/protocols/mcp/1.0";
const CHANNEL = "org/team/tools";

let agents: Agents;
beforeEach(async () => {
  agents = await Agents.start();
});
afterEach(() => agents[Symbol.asyncDispose]());

/** A bridge that offers the tools of a channel to agents. */
async function bridged(tools: (server: McpServer) => void, options: BridgeOptions = {}) {
  const { bob, manager } = await world([CHANNEL]);
  const serving = serveTools(await bob.open(CHANNEL), tools, { name: "tools" });
  const { client, port } = await agents.port();
  const codes: string[] = [];
  const bridge = new ProtocolBridge(manager, { onError: ({ code }) => codes.push(code), ...options });
  const running = await bridge.bridge({ name: "agents", port }, CHANNEL, MCP, MCP, { server: "tools" });
  agents.defer(async () => {
    await bridge.stop();
    await serving.close();
  });
  return { running, bridge, manager, bob, client, port, serving, codes };
}

function several(seen: { aborted: boolean; waiting: number }): (server: McpServer) => void {
  return (server) => {
    greeter()(server);
    server.registerTool("add", { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => text(String(a + b)));
    server.registerTool("fail", {}, () => Promise.reject(new Error("out of paper")));
    server.registerTool("count", {}, async ({ _meta: meta, sendNotification }) => {
      for (const progress of [1, 2, 3]) {
        await sendNotification({ method: "notifications/progress", params: { progressToken: meta?.progressToken ?? "", progress } });
      }
      return text("counted");
    });
    server.registerTool("wait", {}, ({ signal }) => {
      seen.waiting += 1;
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          seen.aborted = true;
          reject(new Error("cancelled"));
        });
      });
    });
    server.registerResource("note", "note://one", {}, (uri) => ({ contents: [{ uri: uri.href, text: "a note" }] }));
  };
}

function text(value: string) {
  return { content: [{ type: "text" as const, text: value }] };
}

function quiet(): { aborted: boolean; waiting: number } {
  return { aborted: false, waiting: 0 };
}

describe("an agent that calls MCP servers behind a channel", () => {
  it("lists and calls tools, reads resources, and gets the errors of the server, without an MCP SDK and without initialize", async () => {
    const { running } = await bridged(several(quiet()));
    const caller = agents.agent(CALLER);
    const peer = caller.mcp().peer(BRIDGE);
    await caller.connect();
    expect(await peer.callTool("greet", { name: "Ada" })).toMatchObject(text("Hello Ada"));
    expect((await peer.listTools()).map(({ name }) => name)).toContain("add");
    expect(await peer.call("resources/read", { uri: "note://one" })).toMatchObject({ contents: [{ text: "a note" }] });
    expect(await peer.callTool("fail")).toMatchObject({ isError: true, content: [{ text: "out of paper" }] });
    await expect(peer.call("resources/read", { uri: "note://two" })).rejects.toMatchObject({
      rpcCode: expect.any(Number),
      message: /note:\/\/two/,
    });
    await expect(peer.call("no/such-method")).rejects.toMatchObject({ rpcCode: -32_601 });
    await expect(peer.call("logging/setLevel", { level: "debug" })).rejects.toMatchObject({
      rpcCode: -32_601,
      message: /share one session/,
    });
    expect(await peer.call("ping")).toEqual({});
    const info = await peer.initialize({ clientInfo: { name: "plain" } });
    expect(info).toMatchObject({ serverInfo: { name: "tools" }, capabilities: { tools: {}, resources: {} } });
    expect(running.tools.map(({ name }) => name)).toContain("greet");
    expect(running.counters).toMatchObject({ forwarded: 6, refused: 0, failed: 0 });
    expect(agents.errors).toEqual([]);
  });

  it("uses an official client: progress, cancellation, and several clients at once", async () => {
    const seen = quiet();
    await bridged(several(seen));
    const caller = agents.agent(CALLER);
    const mcp = caller.mcp();
    await caller.connect();
    const client = new McpClient({ name: "test", version: "1.0.0" });
    await client.connect(mcp.connect(BRIDGE));
    expect(client.getServerVersion()).toMatchObject({ name: "tools" });
    const progress: number[] = [];
    const counting = client.callTool({ name: "count", arguments: {} }, undefined, {
      onprogress: ({ progress: done }) => progress.push(done),
    });
    expect(await counting).toMatchObject(text("counted"));
    expect(progress).toEqual([1, 2, 3]);
    const abort = new AbortController();
    const waiting = client.callTool({ name: "wait", arguments: {} }, undefined, { signal: abort.signal });
    await eventually(() => expect(seen.waiting).toBe(1));
    abort.abort("enough");
    await expect(waiting).rejects.toThrow(/enough/);
    await eventually(() => expect(seen.aborted).toBe(true));
    const others = await Promise.all(
      ["one", "two", "three"].map(async (name) => {
        const other = agents.agent(`did:web:localhost:${name}`);
        const peer = other.mcp().peer(BRIDGE);
        await other.connect();
        return Promise.all([1, 2, 3].map((n) => peer.callTool("add", { a: n, b: 1 })));
      }),
    );
    expect(others.flat().map(({ content }) => content)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3].map((n) => text(String(n + 1)).content));
    expect(await client.callTool({ name: "add", arguments: { a: 1, b: 1 } })).toMatchObject(text("2"));
  });

  it("answers requests of several programs with one DID and one id, each on its thread", async () => {
    await bridged(several(quiet()));
    const caller = agents.agent(CALLER);
    caller.mcp();
    await caller.connect();
    const ask = (a: number) =>
      caller.request({
        type: `${BASE}/tools-call`,
        to: BRIDGE,
        body: { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "add", arguments: { a, b: 1 } } },
      });
    const answers = await Promise.all([ask(1), ask(2), ask(3)]);
    expect(answers.map(({ type }) => type)).toEqual(Array.from({ length: 3 }, () => `${BASE}/tools-call-result`));
    expect(answers.map(({ body }) => body)).toMatchObject([2, 3, 4].map((sum) => ({ id: 7, result: text(String(sum)) })));
  });

  it("gets no response to a notification", async () => {
    const { running } = await bridged(several(quiet()));
    const caller = agents.agent(CALLER);
    const got: string[] = [];
    caller.handleAll(({ type }) => void got.push(type));
    const peer = caller.mcp().peer(BRIDGE);
    await caller.connect();
    await peer.notify("notifications/initialized");
    await peer.notify("notifications/cancelled", { requestId: "none" });
    await peer.call("ping");
    await eventually(() => expect(running.counters.ignored).toBeGreaterThanOrEqual(2));
    expect(got).toEqual([]);
    expect(agents.errors).toEqual([]);
  });

  it("gets an error for more than 64 requests at a time, while other agents are served", async () => {
    const seen = quiet();
    await bridged(several(seen));
    const caller = agents.agent(CALLER);
    const peer = caller.mcp().peer(BRIDGE);
    await caller.connect();
    const failed: unknown[] = [];
    for (let index = 0; index < 70; index++) void peer.callTool("wait").catch((error: unknown) => failed.push(error));
    await eventually(() => expect(failed).toHaveLength(6));
    for (const error of failed) expect(error).toMatchObject({ name: "McpError", message: expect.stringMatching(/^Too many requests/) });
    const other = agents.agent("did:web:localhost:other");
    const others = other.mcp().peer(BRIDGE);
    await other.connect();
    expect(await others.callTool("add", { a: 1, b: 2 })).toMatchObject(text("3"));
  });

  it("gets an error when the server ends the session, after which the bridge opens another", async () => {
    const seen = quiet();
    const { bob, serving, codes } = await bridged(several(seen));
    const caller = agents.agent(CALLER);
    const peer = caller.mcp().peer(BRIDGE);
    await caller.connect();
    const call = peer.callTool("wait");
    const failing = expect(call).rejects.toMatchObject({ rpcCode: -32_603, message: /unknown whether the request ran/ });
    await eventually(() => expect(seen.waiting).toBe(1));
    await serving.close();
    await failing;
    const again = serveTools(await bob.open(CHANNEL), several(seen), { name: "tools" });
    agents.defer(() => again.close());
    expect(await peer.callTool("greet", { name: "Bob" })).toMatchObject(text("Hello Bob"));
    expect(codes).toContain("session_ended");
  });

  it("gets an error when no server answers in time", async () => {
    const { manager } = await world([CHANNEL]);
    const { port } = await agents.port();
    const bridge = new ProtocolBridge(manager, { answerTimeoutMs: 100 });
    agents.defer(() => bridge.stop());
    await bridge.bridge({ name: "agents", port }, CHANNEL, MCP, MCP);
    const caller = agents.agent(CALLER);
    const peer = caller.mcp().peer(BRIDGE);
    await caller.connect();
    await expect(peer.callTool("greet")).rejects.toMatchObject({ rpcCode: -32_603, message: "No MCP server is connected." });
  });
});

describe("messages other than calls", () => {
  it.each<[string, string, object, object]>([
    ["no JSON-RPC", "ping", { hello: "world" }, { id: null, error: { code: -32_600 } }],
    ["another method than the type names", "ping", { jsonrpc: "2.0", id: 1, method: "tools/list" }, { id: null, error: { code: -32_600 } }],
    ["a list as params", "ping", { jsonrpc: "2.0", id: 1, method: "ping", params: [] }, { id: null, error: { code: -32_600 } }],
    ["an agent that is not allowed", "ping", { jsonrpc: "2.0", id: 5, method: "ping" }, { id: 5, error: { code: -32_000 } }],
  ])("get an error: %s", async (what, name, body, expected) => {
    const codes: string[] = [];
    const isAllowed = what !== "an agent that is not allowed";
    await agents.port({ accepts: () => isAllowed, onError: ({ code }) => codes.push(code) });
    const caller = agents.agent(CALLER);
    caller.mcp();
    await caller.connect();
    const answer = await caller.request({ type: `${BASE}/${name}`, to: BRIDGE, body });
    expect(answer).toMatchObject({ type: `${BASE}/${name}-result`, body: { jsonrpc: "2.0", ...expected } });
    expect(codes).toEqual([isAllowed ? "message_invalid" : "sender_mismatch"]);
  });

  it("are rejected if they are responses to no request", async () => {
    const codes: string[] = [];
    await agents.port({ onError: ({ code }) => codes.push(code) });
    const caller = agents.agent(CALLER);
    caller.mcp();
    await caller.connect();
    await caller.send({ type: `${BASE}/ping-result`, to: BRIDGE, body: { jsonrpc: "2.0", id: '["s",1]', result: {} } });
    await eventually(() => expect(codes).toEqual(["message_invalid"]));
  });

  it("get an error if no bridge answers within the timeout of the port", async () => {
    const { port } = await agents.port({ answerTimeoutMs: 50 });
    const inbound = port.receive({ protocol: MCP, settle: "manual" });
    const caller = agents.agent(CALLER);
    const peer = caller.mcp().peer(BRIDGE);
    await caller.connect();
    await expect(peer.call("ping")).rejects.toMatchObject({ rpcCode: -32_000, message: /not answered in time/ });
    await inbound.return?.();
  });

  it("options and clients that are invalid are rejected", () => {
    const client = agents.agent("did:web:localhost:unused");
    expect(() => mcpDidcommPort({} as never)).toThrow(/^mcpDidcommPort needs a DIDComm client/);
    for (const [options, message] of [
      [{ server: "bob" }, /^Option "server" must be a DID/],
      [{ base: "x" }, /^Option "base"/],
      [{ accepts: 1 }, /^Option "accepts"/],
      [{ initialize: "no" }, /^Option "initialize"/],
      [{ answerTimeoutMs: 0 }, /answerTimeoutMs/],
      [{ servers: [] }, /Did you mean "server"/],
    ] as const) {
      expect(() => mcpDidcommPort(client, options as never)).toThrow(message);
    }
    client.mcp();
    expect(() => mcpDidcommPort(client)).toThrow(/already/);
  });
});

describe("an agent that talks to A2A agents through the tool of a bridge", () => {
  it("gets their answer", async () => {
    const { bob, manager } = await world(["org/a2a/team"]);
    const { port } = await agents.port();
    const bridge = new ProtocolBridge(manager);
    agents.defer(() => bridge.stop());
    await bridge.bridge({ name: "agents", port }, "org/a2a/team", MCP, A2A);
    const adapter = new A2aAdapter(bob, { agentId: "agent" });
    agents.defer(() => adapter.close());
    await adapter.openContext("team");
    const answering = (async () => {
      const [message] = await adapter.receiveMessages("team", { timeout: 30 });
      if (message !== undefined) await adapter.sendMessage("team", [{ text: `You said ${firstText(message)}` }], { role: "agent" });
    })();
    const caller = agents.agent(CALLER);
    const peer = caller.mcp().peer(BRIDGE);
    await caller.connect();
    expect(await peer.callTool("send_message", { text: "hello" })).toMatchObject({ content: [{ text: "You said hello" }] });
    await answering;
  });
});
