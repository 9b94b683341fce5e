import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Protocol } from "@parley/envelope-and-adapters";
import { McpChannelTransport } from "@parley/envelope-and-adapters/mcp";
import type { MemoryChannels } from "@parley/envelope-and-adapters/memory";
import { ProblemReportError, type Client } from "layr8";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ProtocolBridge, type McpDidcommPortOptions } from "../../src/index.ts";
import { a2aClient, asking, textOf } from "../support/a2a-client.ts";
import { Agents, TOOLS } from "../support/agents.ts";
import { greeter } from "../support/tools.ts";
import { eventually, world } from "../support/world.ts";

const { A2A, MCP } = Protocol;
const BASE = "https://layr8.io/protocols/mcp/1.0";
const CHANNEL = "org/team/clients";

let agents: Agents;
beforeEach(async () => {
  agents = await Agents.start();
});
afterEach(() => agents[Symbol.asyncDispose]());

/** An agent with official MCP servers. */
async function server(tools: (server: McpServer) => void): Promise<Client> {
  const made = agents.agent(TOOLS);
  made.mcp().serve((session) => {
    const mcp = new McpServer({ name: "calculator", version: "1.0.0" });
    tools(mcp);
    return mcp.connect(session);
  });
  await made.connect();
  return made;
}

/** An agent as layr8's own services are: handlers of message types. */
async function plainServer(): Promise<{ calls: string[]; client: Client }> {
  const calls: string[] = [];
  const client = agents.agent(TOOLS);
  client.handle(`${BASE}/tools-list`, ({ body }) => {
    calls.push("tools/list");
    return {
      type: `${BASE}/tools-list-result`,
      body: { jsonrpc: "2.0", id: body["id"] ?? null, result: { tools: [{ name: "add", inputSchema: { type: "object" } }] } },
    };
  });
  client.handle(`${BASE}/tools-call`, ({ body }) => {
    const { params } = body as { params: { name: string } };
    calls.push(params.name);
    if (params.name === "report") throw new ProblemReportError("e.p.req.out-of-stock", "Only {1} left", ["3"]);
    const outcomes: Record<string, object> = {
      // Servers of other SDKs don't always repeat the id: the thread counts.
      add: { id: "anything", result: { content: [{ type: "text", text: "3" }] } },
      fail: { id: body["id"], error: { code: -32_001, message: "Out of paper", data: { tray: 2 } } },
    };
    return { type: `${BASE}/tools-call-result`, body: { jsonrpc: "2.0", ...outcomes[params.name] } };
  });
  await client.connect();
  return { calls, client };
}

async function bridged(options: McpDidcommPortOptions = {}): Promise<{ alice: MemoryChannels; codes: string[] }> {
  const { alice, manager } = await world([CHANNEL]);
  const { port } = await agents.port({ server: TOOLS, ...options });
  const codes: string[] = [];
  const bridge = new ProtocolBridge(manager, { onError: ({ code }) => codes.push(code) });
  agents.defer(() => bridge.stop());
  await bridge.bridge(CHANNEL, { name: "tools", port }, MCP, MCP);
  return { alice, codes };
}

async function connect(channels: MemoryChannels): Promise<McpClient> {
  const client = new McpClient({ name: "client", version: "1.0.0" });
  await client.connect(new McpChannelTransport(await channels.open(CHANNEL)));
  agents.defer(() => client.close());
  return client;
}

describe("an MCP client on a channel", () => {
  it("calls the tools of an agent's official server, with progress", async () => {
    const names: string[] = [];
    await server((mcp) => {
      greeter(names)(mcp);
      mcp.registerTool("count", {}, async ({ _meta: meta, sendNotification }) => {
        for (const progress of [1, 2]) {
          await sendNotification({ method: "notifications/progress", params: { progressToken: meta?.progressToken ?? "", progress } });
        }
        return { content: [{ type: "text", text: "counted" }] };
      });
    });
    const { alice, codes } = await bridged();
    const client = await connect(alice);
    expect(client.getServerVersion()).toMatchObject({ name: "calculator" });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["greet", "count"]);
    expect(await client.callTool({ name: "greet", arguments: { name: "Ada" } })).toMatchObject({ content: [{ text: "Hello Ada" }] });
    const progress: number[] = [];
    await client.callTool({ name: "count", arguments: {} }, undefined, { onprogress: ({ progress: done }) => progress.push(done) });
    expect(progress).toEqual([1, 2]);
    expect(names).toEqual(["Ada"]);
    expect(codes).toEqual([]);
    expect(agents.errors).toEqual([]);
  });

  it("calls an agent without sessions, whose errors and problem reports become JSON-RPC errors", async () => {
    const { calls } = await plainServer();
    const { alice } = await bridged();
    const client = await connect(alice);
    expect((await client.listTools()).tools).toMatchObject([{ name: "add" }]);
    expect(await client.callTool({ name: "add", arguments: {} })).toMatchObject({ content: [{ text: "3" }] });
    await expect(client.callTool({ name: "fail", arguments: {} })).rejects.toMatchObject({
      code: -32_001,
      message: /Out of paper/,
      data: { tray: 2 },
    });
    const reported = { code: -32_603, message: /Only 3 left/, data: { problem: "e.p.req.out-of-stock" } };
    await expect(client.callTool({ name: "report", arguments: {} })).rejects.toMatchObject(reported);
    await expect(client.callTool({ name: "nothing", arguments: {} })).rejects.toMatchObject({
      code: -32_603,
      message: /neither a result nor an error/,
    });
    expect(calls).toContain("report");
  });

  it("gets the node's reason if the agent does not handle a method", async () => {
    await plainServer();
    const { alice } = await bridged();
    const client = await connect(alice);
    await expect(client.request({ method: "numbers/add", params: {} }, {} as never)).rejects.toMatchObject({
      data: { problem: "e.p.msg.unsupported" },
    });
  });

  it("sends no initialize to the agent with the option initialize: false", async () => {
    const seen: string[] = [];
    const made = agents.agent(TOOLS);
    made.handleProtocol(BASE, async ({ type, body }) => {
      seen.push(type.slice(BASE.length + 1));
      return { type: `${type}-result`, body: { jsonrpc: "2.0", id: body["id"] ?? null, result: { tools: [], content: [] } } };
    });
    await made.connect();
    const { alice } = await bridged({ initialize: false });
    const client = await connect(alice);
    await client.callTool({ name: "any", arguments: {} });
    expect(seen).toEqual(["notifications-initialized", "tools-list", "tools-call"]);
  });

  it("gets the agent's answer after the agent has restarted", async () => {
    const names: string[] = [];
    const first = await server(greeter(names));
    const { alice } = await bridged();
    const client = await connect(alice);
    expect(await client.callTool({ name: "greet", arguments: { name: "1" } })).toMatchObject({ content: [{ text: "Hello 1" }] });
    await first.close();
    const call = client.callTool({ name: "greet", arguments: { name: "2" } });
    await server(greeter(names));
    expect(await call).toMatchObject({ content: [{ text: "Hello 2" }] });
    expect(names).toEqual(["1", "2"]);
  });
});

it("an official A2A client calls a tool of an agent", async () => {
  await server(greeter());
  const { alice, manager } = await world(["org/a2a/desk"]);
  const { port } = await agents.port({ server: TOOLS });
  const bridge = new ProtocolBridge(manager);
  agents.defer(() => bridge.stop());
  const running = await bridge.bridge("org/a2a/desk", { name: "tools", port }, A2A, MCP);
  await eventually(() => expect(running.tools.map(({ name }) => name)).toEqual(["greet"]));
  const { client, close } = await a2aClient(await alice.open("org/a2a/desk"));
  agents.defer(close);
  expect(textOf(await client.sendMessage(asking("Ada")))).toBe("Hello Ada");
});
