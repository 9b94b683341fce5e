import { Client as McpClient } from "@modelcontextprotocol/client";
import { McpServer } from "@modelcontextprotocol/server";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { Client, McpError, RequestTimeoutError, type Config, type JsonRpcMessage, type McpTransport, type SDKError } from "../src/index.ts";

const BASE = "https://layr8.io/protocols/mcp/1.0";
const TOOLS = "did:web:localhost:tools";
const CALLER = "did:web:localhost:caller";

let node: Layr8Node;
let agents: Client[];
let errors: SDKError[];

function agent(agentDid: string, config: Config = {}): Client {
  const made = new Client({ nodeUrl: node.url, apiKey: node.apiKey, agentDid, ...config }, (error) => void errors.push(error));
  agents.push(made);
  return made;
}

beforeEach(async () => {
  [agents, errors] = [[], []];
  node = await startNode({ port: 0, logger: false });
});

afterEach(async () => {
  await Promise.all(agents.map((made) => made.close()));
  await node.close();
});

describe("calls without an MCP SDK", () => {
  /** A server as layr8's own services are: handlers of message types, which know no MCP SDK. */
  async function plainServer(): Promise<JsonRpcMessage[]> {
    const calls: JsonRpcMessage[] = [];
    const server = agent(TOOLS);
    const answers: Record<string, object> = {
      initialize: { result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "plain", version: "1" } } },
      "tools-call": { result: { content: [{ type: "text", text: "3" }] } },
      "numbers-add": { result: 3 },
      broken: { error: { code: -32_001, message: "Out of paper", data: { tray: 2 } } },
      nothing: {},
    };
    for (const [name, answer] of Object.entries(answers)) {
      server.handle(`${BASE}/${name}`, ({ body }) => {
        calls.push(body as unknown as JsonRpcMessage);
        return { type: `${BASE}/${name}-result`, body: { jsonrpc: "2.0", id: body["id"] ?? null, ...answer } };
      });
    }
    server.handle(`${BASE}/tools-list`, ({ body }) => {
      const { cursor } = (body["params"] ?? {}) as { cursor?: string };
      const page = cursor === undefined ? { tools: [{ name: "add" }], nextCursor: "2" } : { tools: [{ name: "subtract" }] };
      return { type: `${BASE}/tools-list-result`, body: { jsonrpc: "2.0", id: body["id"] ?? null, result: page } };
    });
    await server.connect();
    return calls;
  }

  it("name the method in the message type, and give the result", async () => {
    const calls = await plainServer();
    const caller = agent(CALLER);
    const peer = caller.mcp().peer(TOOLS);
    await caller.connect();
    expect(await peer.initialize({ clientInfo: { name: "test" } })).toMatchObject({ serverInfo: { name: "plain" } });
    expect(await peer.callTool("add", { a: 1, b: 2 })).toEqual({ content: [{ type: "text", text: "3" }] });
    expect(await peer.listTools()).toEqual([{ name: "add" }, { name: "subtract" }]);
    expect(await peer.call("numbers/add", { a: 1, b: 2 })).toBe(3);
    expect(calls[0]).toMatchObject({ jsonrpc: "2.0", method: "initialize", params: { clientInfo: { name: "test" } } });
    expect(calls[1]).toMatchObject({ method: "tools/call", params: { name: "add", arguments: { a: 1, b: 2 } } });
    expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length);
    expect(errors).toEqual([]);
  });

  it("fail with the other side's error, and with an answer that is neither a result nor an error", async () => {
    await plainServer();
    const caller = agent(CALLER);
    const peer = caller.mcp().peer(TOOLS);
    await caller.connect();
    const failed = { name: "McpError", code: "mcp_error", rpcCode: -32_001, message: "Out of paper", data: { tray: 2 } };
    await expect(peer.call("broken")).rejects.toMatchObject(failed);
    await expect(peer.call("nothing")).rejects.toMatchObject({ rpcCode: -32_603, message: /neither a result nor an error/ });
    await expect(peer.call("tools/list/../x y")).rejects.toThrow(TypeError);
  });

  it("time out, and are aborted", async () => {
    await (await agent(TOOLS).connect()).close();
    const caller = agent(CALLER);
    const peer = caller.mcp().peer(TOOLS);
    await caller.connect();
    await expect(peer.call("ping", undefined, { timeoutMs: 100 })).rejects.toThrow(RequestTimeoutError);
    const aborted = new AbortController();
    const call = peer.call("ping", undefined, { signal: aborted.signal });
    aborted.abort(new Error("changed my mind"));
    await expect(call).rejects.toThrow("changed my mind");
  });

  it("reach handlers of single methods", async () => {
    const server = agent(TOOLS);
    const mcp = server.mcp();
    mcp.handle("tools/list", (_params, from) => ({ tools: [{ name: `for ${from}` }] }));
    mcp.handle("tools/call", () => Promise.reject(new McpError(-32_002, "No such tool", ["add"])));
    mcp.handle("prompts/list", () => Promise.reject(new Error("password of the database")));
    expect(() => mcp.handle("tools/list", () => ({}))).toThrow(TypeError);
    await server.connect();
    const caller = agent(CALLER);
    const peer = caller.mcp().peer(TOOLS);
    await caller.connect();
    expect(await peer.listTools()).toEqual([{ name: `for ${CALLER}` }]);
    await expect(peer.callTool("x")).rejects.toMatchObject({ rpcCode: -32_002, message: "No such tool", data: ["add"] });
    await expect(peer.call("prompts/list")).rejects.toMatchObject({ rpcCode: -32_603, message: "The handler failed" });
    await expect(peer.call("resources/list")).rejects.toMatchObject({ rpcCode: -32_601 });
  });
});

describe("the official SDK", () => {
  interface Served {
    readonly sessions: McpTransport[];
    readonly seen: { aborted: boolean; waiting: boolean };
  }

  /** A server with a tool for each direction and event. */
  async function serve(): Promise<Served> {
    const sessions: McpTransport[] = [];
    const seen = { aborted: false, waiting: false };
    const server = agent(TOOLS);
    server.mcp().serve((session) => {
      sessions.push(session);
      const mcp = new McpServer({ name: "calculator", version: "1.0.0" });
      mcp.registerTool("add", { inputSchema: z.object({ a: z.number(), b: z.number() }) }, ({ a, b }) => text(String(a + b)));
      mcp.registerTool("count", {}, async ({ mcpReq }) => {
        const { _meta: meta } = mcpReq;
        for (const progress of [1, 2, 3]) {
          await mcpReq.notify({ method: "notifications/progress", params: { progressToken: meta?.progressToken ?? "", progress } });
        }
        return text("counted");
      });
      mcp.registerTool("ask", {}, async ({ mcpReq }) => {
        const requestedSchema = { type: "object" as const, properties: { colour: { type: "string" as const } } };
        const { content } = await mcpReq.elicitInput({ mode: "form", message: "Which colour?", requestedSchema });
        return text(JSON.stringify(content));
      });
      mcp.registerTool(
        "wait",
        {},
        ({ mcpReq }) =>
          new Promise((_resolve, reject) => {
            mcpReq.signal.addEventListener("abort", () => {
              seen.aborted = true;
              reject(new Error("cancelled"));
            });
            seen.waiting = true;
          }),
      );
      return mcp.connect(session);
    });
    await server.connect();
    return { sessions, seen };
  }

  function text(value: string) {
    return { content: [{ type: "text" as const, text: value }] };
  }

  function official(): McpClient {
    const client = new McpClient({ name: "test", version: "1.0.0" }, { capabilities: { elicitation: { form: {} } } });
    client.setRequestHandler("elicitation/create", () => ({ action: "accept" as const, content: { colour: "green" } }));
    return client;
  }

  async function connected(did = CALLER): Promise<{ caller: Client; client: McpClient; transport: McpTransport }> {
    const caller = agent(did);
    const mcp = caller.mcp();
    await caller.connect();
    const client = official();
    const transport = mcp.connect(TOOLS);
    await client.connect(transport);
    return { caller, client, transport };
  }

  it("lists and calls tools, with progress, and with questions of the server in between", async () => {
    await serve();
    const { client } = await connected();
    expect(client.getServerVersion()).toMatchObject({ name: "calculator" });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["add", "count", "ask", "wait"]);
    expect(await client.callTool({ name: "add", arguments: { a: 1, b: 2 } })).toMatchObject(text("3"));
    const progress: number[] = [];
    const counting = client.callTool({ name: "count", arguments: {} }, { onprogress: ({ progress: done }) => progress.push(done) });
    expect(await counting).toMatchObject(text("counted"));
    expect(progress).toEqual([1, 2, 3]);
    expect(await client.callTool({ name: "ask", arguments: {} })).toMatchObject(text('{"colour":"green"}'));
    await client.ping();
    await expect(client.callTool({ name: "no such tool", arguments: {} })).rejects.toThrow(/no such tool/);
    expect(errors).toEqual([]);
  });

  it("cancels a call, after which the session goes on", async () => {
    const { seen } = await serve();
    const { client } = await connected();
    const aborted = new AbortController();
    const call = client.callTool({ name: "wait", arguments: {} }, { signal: aborted.signal });
    await expect.poll(() => seen.waiting).toBe(true);
    aborted.abort("enough");
    await expect(call).rejects.toThrow(/enough/);
    await expect.poll(() => seen.aborted).toBe(true);
    expect(await client.callTool({ name: "add", arguments: { a: 2, b: 2 } })).toMatchObject(text("4"));
  });

  it("has a session for each agent, and a new one after `initialize`", async () => {
    const { sessions } = await serve();
    const { client } = await connected();
    const other = await connected("did:web:localhost:other");
    expect(sessions.map(({ did }) => did)).toEqual([CALLER, "did:web:localhost:other"]);
    const again = await new Promise<McpClient>((resolve, reject) => {
      const second = official();
      second.connect(other.caller.mcp().connect(TOOLS)).then(() => resolve(second), reject);
    });
    expect(sessions).toHaveLength(3);
    expect(await again.callTool({ name: "add", arguments: { a: 1, b: 1 } })).toMatchObject(text("2"));
    expect(await client.callTool({ name: "add", arguments: { a: 2, b: 1 } })).toMatchObject(text("3"));
    await expect(other.transport.send({ jsonrpc: "2.0", id: 1, method: "ping" })).rejects.toMatchObject({ code: "client_closed" });
  });

  it("gets an error for a call that can't be sent, and for one whose session the server ends", async () => {
    const { sessions, seen } = await serve();
    const { client, caller } = await connected();
    const call = client.callTool({ name: "wait", arguments: {} });
    await expect.poll(() => seen.waiting).toBe(true);
    await sessions[0]?.close();
    await expect(call).rejects.toThrow(/session has ended/);
    await caller.close();
    await expect(client.callTool({ name: "add", arguments: { a: 1, b: 2 } })).rejects.toThrow(/Not connected/);
  });

  it("answers calls of several objects at once, beside an official client, and requests with the same id", async () => {
    await serve();
    const { caller, client } = await connected();
    const add = { name: "add", arguments: { a: 1, b: 2 } };
    const peers = Array.from({ length: 8 }, () => caller.mcp().peer(TOOLS).callTool("add", { a: 1, b: 2 }));
    const results = await Promise.all([...peers, client.callTool(add), client.callTool(add)]);
    for (const result of results) expect(result).toMatchObject(text("3"));
    const request = { jsonrpc: "2.0", id: 7, method: "tools/call", params: add };
    const raw = { type: `${BASE}/tools-call`, to: TOOLS, body: request };
    const answers = await Promise.all([caller.request(raw), caller.request(raw)]);
    for (const { body } of answers) expect(body).toMatchObject({ id: 7, result: text("3") });
  });

  it("serves and calls from one agent: two servers that call each other", async () => {
    const first = agent("did:web:localhost:first");
    const second = agent("did:web:localhost:second");
    const clients = [first, second].map((made, index) => {
      const server = new McpServer({ name: `server ${index}`, version: "1.0.0" });
      server.registerTool("who", {}, () => text(`server ${index}`));
      made.mcp().serve((session) => server.connect(session));
      return official();
    });
    await Promise.all([first.connect(), second.connect()]);
    await clients[0]?.connect(first.mcp().connect("did:web:localhost:second"));
    await clients[1]?.connect(second.mcp().connect("did:web:localhost:first"));
    expect(await clients[0]?.callTool({ name: "who", arguments: {} })).toMatchObject(text("server 1"));
    expect(await clients[1]?.callTool({ name: "who", arguments: {} })).toMatchObject(text("server 0"));
    await clients[0]?.ping();
  });
});

describe("a message that is not a call", () => {
  it.each([
    ["no JSON-RPC", `${BASE}/ping`, { hello: "world" }],
    ["another method than the message type names", `${BASE}/ping`, { jsonrpc: "2.0", id: 1, method: "tools/call" }],
    ["a response", `${BASE}/ping`, { jsonrpc: "2.0", id: 1, result: {} }],
    ["an id of another kind", `${BASE}/ping`, { jsonrpc: "2.0", id: { a: 1 }, method: "ping" }],
    ["params that are a text", `${BASE}/ping`, { jsonrpc: "2.0", id: 1, method: "ping", params: "x" }],
  ])("gets an error: %s", async (_what, type, body) => {
    const server = agent(TOOLS);
    server.mcp().serve(() => undefined);
    await server.connect();
    const caller = agent(CALLER);
    caller.mcp();
    await caller.connect();
    const { type: answered, body: answer } = await caller.request({ type, to: TOOLS, body });
    expect(answered).toBe(`${BASE}/ping-result`);
    expect(answer).toMatchObject({ jsonrpc: "2.0", id: null, error: { code: -32_600 } });
  });

  it("ends a session whose server fails to start, and reports why", async () => {
    const server = agent(TOOLS);
    server.mcp().serve(() => Promise.reject(new Error("no database")));
    await server.connect();
    const caller = agent(CALLER);
    const peer = caller.mcp().peer(TOOLS);
    await caller.connect();
    await expect(peer.call("ping")).rejects.toMatchObject({ rpcCode: -32_000 });
    await expect.poll(() => errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ cause: expect.objectContaining({ message: "no database" }) });
  });
});
