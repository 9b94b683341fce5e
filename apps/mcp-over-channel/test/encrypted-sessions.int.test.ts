import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type VersionNegotiationMode } from "@modelcontextprotocol/client";
import { Client as FirstClient } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer as FirstServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import { SkytaleChannelManager } from "skytale";
import { McpChannelServer, McpChannelTransport, type McpServerSession } from "skytale/mcp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const NAME = "acme/team/tools";
/** More than a relay takes, and less than the adapters' own cap. */
const LARGE = 1_100_000;

let directory: string;
let server: SkytaleServer;
let alice: SkytaleChannelManager;
let bob: SkytaleChannelManager;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "encrypted-sessions-"));
  server = await startSkytale({ port: 0, relayPort: 0, logger: false });
  const config = { endpoint: server.relayUrl, apiUrl: server.apiUrl, apiKey: server.apiKey };
  [alice, bob] = ["alice", "bob"].map(
    (identity) => new SkytaleChannelManager({ ...config, identity, dataDir: join(directory, identity) }),
  ) as [SkytaleChannelManager, SkytaleChannelManager];
  await alice.create(NAME);
  await bob.joinWithToken(NAME, await alice.invite(NAME));
});

afterEach(async () => {
  await Promise.all([alice.close(), bob.close()]);
  await server.close();
  await rm(directory, { recursive: true });
});

/** A server in the form of the current SDK, which serves every revision of MCP. */
function serveGreeter(session: McpServerSession): void {
  const factory = (): McpServer => {
    const greeter = new McpServer({ name: "greeter", version: "1.0.0" });
    greeter.registerTool("greet", {}, () => ({ content: [{ type: "text", text: `Hello ${session.sender === undefined ? "?" : "you"}` }] }));
    greeter.registerTool("flood", {}, () => ({ content: [{ type: "text", text: "x".repeat(LARGE) }] }));
    return greeter;
  };
  serveStdio(factory, { transport: session });
}

describe("MCP over an encrypted channel", () => {
  it.each<[string, VersionNegotiationMode, "legacy" | "modern"]>([
    ["legacy", "legacy", "legacy"],
    ["auto", "auto", "modern"],
    ["pinned", { pin: "2026-07-28" }, "modern"],
  ])("a client that negotiates versions as %s is served", async (_name, mode, era) => {
    await using listener = new McpChannelServer(bob, NAME, { name: "greeter" });
    const serving = listener.serve(serveGreeter);
    const client = new Client({ name: "example", version: "1.0.0" }, { versionNegotiation: { mode } });
    await client.connect(new McpChannelTransport(alice, NAME));
    expect(client.getProtocolEra()).toBe(era);
    expect(await client.callTool({ name: "greet" })).toMatchObject({ content: [{ text: "Hello you" }] });
    await expect(client.callTool({ name: "flood" })).rejects.toMatchObject({
      code: -32_603,
      message: expect.stringMatching(/The response is too large: 1100\d\d\d bytes/),
    });
    expect(await client.callTool({ name: "greet" })).toMatchObject({ content: [{ text: "Hello you" }] });
    await client.close();
    await listener.close();
    await serving;
  });

  it("a client's response to sampling that the channel rejects fails immediately", async () => {
    await using listener = new McpChannelServer(bob, NAME);
    const serving = listener.serve(async (session) => {
      const asking = new FirstServer({ name: "asking", version: "1.0.0" });
      asking.registerTool("ask", {}, async () => {
        const request = { messages: [{ role: "user" as const, content: { type: "text" as const, text: "?" } }], maxTokens: 1 };
        const said = await asking.server.createMessage(request).catch((error: unknown) => String(error));
        return { content: [{ type: "text", text: JSON.stringify(said) }] };
      });
      await asking.connect(session);
    });
    const client = new FirstClient({ name: "example", version: "1.0.0" }, { capabilities: { sampling: {} } });
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      model: "m",
      role: "assistant" as const,
      content: { type: "text" as const, text: "x".repeat(2_000_000) },
    }));
    await client.connect(new McpChannelTransport(alice, NAME));
    const [said] = (await client.callTool({ name: "ask" }))["content"] as { text: string }[];
    expect(said?.text).toMatch(/-32603: The response is too large: 2000\d\d\d bytes/);
    await client.close();
    await listener.close();
    await serving;
  });

  it("transports created from a manager and a name work like those of the Python SDK", async () => {
    await using transport = new McpChannelTransport(alice, NAME);
    await using other = new McpChannelTransport(bob, NAME);
    await transport.write({ jsonrpc: "2.0", method: "ping", id: 1 });
    expect(await other.read()).toEqual({ jsonrpc: "2.0", method: "ping", id: 1 });
    await other.write({ jsonrpc: "2.0", id: 1, result: {} });
    expect(await transport.read()).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
  });
});
