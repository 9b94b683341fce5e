import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { isJsonObject } from "@parley/core";
import { Envelope, Protocol, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { A2aAdapter, type ReceivedA2aMessage } from "@parley/envelope-and-adapters/a2a";
import type { MemoryChannels } from "@parley/envelope-and-adapters/memory";
import { McpChannelTransport, type McpChannelTransportOptions } from "@parley/envelope-and-adapters/mcp";
import { afterEach, describe, expect, it } from "vitest";
import { ProtocolBridge, type BridgeOptions, type RunningBridge } from "../../src/index.ts";
import { a2a, bytes, json, mcp, firstText } from "../support/messages.ts";
import { eventually, rejecting, take, unused, world } from "../support/world.ts";

const { A2A, MCP } = Protocol;
const IN = "org/n/tools";
const OUT = "org/a2a/team";

const ending: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

function sessionOf(received: ReceivedEnvelope | undefined): string {
  const address = received?.envelope.metadata?.["mcp"];
  return isJsonObject(address) && typeof address["session"] === "string" ? address["session"] : unused();
}

function isFromAgent({ role }: ReceivedA2aMessage): boolean {
  return role === "agent";
}

async function connect(channels: MemoryChannels, options: McpChannelTransportOptions = {}): Promise<Client> {
  const client = new Client({ name: "client", version: "1.0.0" });
  await client.connect(new McpChannelTransport(await channels.open(IN), options));
  ending.push(() => client.close());
  return client;
}

/** An agent that answers each message in its context with the result of a function. */
async function agent(channels: MemoryChannels, answer: (message: ReceivedA2aMessage) => Promise<object[]> | object[]): Promise<void> {
  const adapter = new A2aAdapter(channels, { agentId: "agent" });
  await adapter.openContext("team");
  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted) {
      const messages = await adapter.receiveMessages("team", { timeout: 60, signal: stop.signal }).catch(() => []);
      for (const message of messages) {
        if (isFromAgent(message)) continue;
        const parts = await answer(message);
        await adapter.sendMessage("team", parts as never, { role: "agent" });
      }
    }
  })();
  ending.push(async () => {
    stop.abort();
    await running;
    await adapter.close();
  });
}

async function start(options: BridgeOptions = {}) {
  const all = await world([IN, OUT]);
  const bridge = new ProtocolBridge(all.manager, options);
  ending.push(() => bridge.stop());
  const run = (more: BridgeOptions = {}): Promise<RunningBridge> => bridge.bridge(IN, OUT, MCP, A2A, more);
  return { ...all, bridge, run };
}

const say = (client: Client, text: string) => client.callTool({ name: "send_message", arguments: { text } });

describe("MCP to A2A", () => {
  it("is a server with one tool, whose result is the agent's answer", async () => {
    const { alice, bob, run } = await start();
    const running = await run();
    await agent(bob, (message) => [{ text: `You said ${firstText(message)}` }, { data: { role: message.role } }]);
    const client = await connect(alice);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["send_message"]);
    await client.ping();
    const result = await say(client, "hello");
    expect(result).toMatchObject({
      content: [
        { type: "text", text: "You said hello" },
        { type: "text", text: '{"role":"user"}' },
      ],
      structuredContent: { role: "user" },
      _meta: { a2a: { contextId: "team" } },
    });
    await eventually(() => expect(running.counters).toMatchObject({ forwarded: 1, refused: 0 }));
  });

  it("accepts parts, and answers invalid messages with a tool error", async () => {
    const { alice, bob, run } = await start();
    await run();
    await agent(bob, ({ parts }) => [{ text: `${parts.length}` }]);
    const client = await connect(alice);
    const call = (args: object) => client.callTool({ name: "send_message", arguments: { ...args } });
    expect(await call({ parts: [{ text: "a" }, { data: { b: 1 } }] })).toMatchObject({ content: [{ text: "2" }] });
    for (const args of [
      {},
      { text: 1 },
      { text: "a", parts: [] },
      { parts: "x" },
      { parts: [{ future: 1 }] },
      { text: "a", contextId: "elsewhere" },
    ]) {
      expect(await call(args)).toMatchObject({ isError: true });
    }
    await expect(client.callTool({ name: "other", arguments: {} })).rejects.toMatchObject({ code: -32_602 });
    await expect(client.listPrompts()).rejects.toThrow(/prompts|one tool/i);
  });

  it("matches answers to calls by replyTo, or else in order", async () => {
    const { alice, bob, run } = await start();
    await run();
    const inbound = (await bob.open(OUT)).receive();
    const port = await bob.open(OUT);
    const client = await connect(alice);
    const calls = ["1", "2", "3"].map((text) => say(client, text));
    const asked = (await take(inbound, 3)).map(({ envelope }) => json(envelope));
    const answer = (text: string, more: object) => port.send(a2a({ contextId: "team", role: "ROLE_AGENT", parts: [{ text }], ...more }));
    await answer("for 3", { metadata: { bridge: { replyTo: asked[2]?.["messageId"] } } });
    await answer("for 1", {});
    await answer("for 2", {});
    expect((await Promise.all(calls)).map(({ content }) => (content as { text: string }[])[0]?.text)).toEqual(["for 1", "for 2", "for 3"]);
  });

  it("answers with a tool error after its timeout", async () => {
    const { alice, run } = await start();
    await run({ answerTimeoutMs: 50 });
    const client = await connect(alice);
    expect(await say(client, "anybody?")).toMatchObject({ isError: true, content: [{ text: "No agent has answered in time." }] });
  });

  it("is the same server after a restart, and answers calls from before it", async () => {
    const { alice, bob, run } = await start();
    const first = await run();
    const inbound = (await bob.open(OUT)).receive();
    const client = await connect(alice);
    const early = say(client, "before");
    await take(inbound, 1);
    await first.stop();
    await (await bob.open(OUT)).send(a2a({ contextId: "team", role: "ROLE_AGENT", parts: [{ text: "while it was away" }] }));
    const second = await run();
    expect(await early).toMatchObject({ content: [{ text: "while it was away" }] });
    await agent(bob, () => [{ text: "after" }]);
    expect(await say(client, "again")).toMatchObject({ content: [{ text: "after" }] });
    // The message that was forwarded before is not forwarded again.
    expect((await take(inbound, 1)).map(({ envelope }) => json(envelope)["parts"])).toEqual([[{ text: "again" }]]);
    expect(second.status).toBe("running");
  });

  it.each<[string, unknown, number, unknown]>([
    ["no JSON", "{", -32_700, null],
    ["a batch", '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32_600, null],
    ["no version", '{"id":1,"method":"ping"}', -32_600, 1],
    ["an id of null", '{"jsonrpc":"2.0","id":null,"method":"ping"}', -32_600, null],
    ["params that are a list", '{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', -32_600, 7],
  ])("answers malformed requests: %s", async (_what, payload, code, id) => {
    const codes: string[] = [];
    const { alice, run } = await start({ onError: (error) => codes.push(error.code) });
    await run();
    const port = await alice.open(IN);
    const inbound = port.receive({ protocol: MCP });
    const metadata = { mcp: { session: "odd", role: "client", event: "open" } };
    await port.send(new Envelope(MCP, "application/json", bytes(payload as string), metadata));
    const [received] = await take(inbound, 1);
    expect(json(received?.envelope ?? unused())).toMatchObject({ jsonrpc: "2.0", id, error: { code } });
    expect(codes).toEqual(["message_invalid"]);
  });

  it("rejects messages in another party's session", async () => {
    const codes: string[] = [];
    const { alice, bob, run } = await start({ onError: ({ code }) => codes.push(code) });
    await run();
    await agent(bob, () => [{ text: "fine" }]);
    const port = await bob.open(IN);
    const spy = port.receive();
    const client = await connect(alice);
    const [opening] = await take(spy, 1);
    const session = sessionOf(opening);
    await port.send(mcp({ session, role: "client", event: "open" }, { jsonrpc: "2.0", id: 1, method: "tools/list" }));
    await eventually(() => expect(codes).toEqual(["sender_mismatch"]));
    expect(await say(client, "x")).toMatchObject({ content: [{ text: "fine" }] });
  });

  it("serves clients that request its name, and ignores clients of other servers", async () => {
    const { alice, bob, run } = await start();
    await run({ server: "desk" });
    await agent(bob, () => [{ text: "at the desk" }]);
    expect(await say(await connect(alice, { server: "desk", peer: "bridge" }), "x")).toMatchObject({ content: [{ text: "at the desk" }] });
    const port = await bob.open(IN);
    const inbound = port.receive({ protocol: MCP });
    await port.send(mcp({ session: "other", role: "client", event: "open", server: "else" }, { jsonrpc: "2.0", id: 1, method: "ping" }));
    await port.send(mcp({ session: "ours", role: "client", event: "open" }, { jsonrpc: "2.0", id: 2, method: "ping" }));
    for (;;) {
      const [received] = await take(inbound, 1);
      const session = sessionOf(received);
      expect(session).not.toBe("other");
      if (session !== "ours") continue;
      expect(json(received?.envelope ?? unused())).toEqual({ jsonrpc: "2.0", id: 2, result: {} });
      break;
    }
  });

  it("limits the pending calls", async () => {
    const { alice, run } = await start();
    await run({ maxPending: 2, answerTimeoutMs: 300 });
    const client = await connect(alice);
    const results = await Promise.all(["1", "2", "3"].map((text) => say(client, text)));
    expect(results.map(({ content }) => (content as { text: string }[])[0]?.text)).toEqual([
      "No agent has answered in time.",
      "No agent has answered in time.",
      "Too many calls wait for answers.",
    ]);
  });

  it("serves other parties while large calls of one party are pending", async () => {
    const { alice, bob, run } = await start();
    await run();
    const port = await alice.open(IN);
    const args = { text: "x".repeat(4_000_000) };
    for (let id = 0; id < 6; id++) {
      const call = { jsonrpc: "2.0", id, method: "tools/call", params: { name: "send_message", arguments: args } };
      await port.send(mcp({ session: "large", role: "client", event: "open" }, call));
    }
    const client = await connect(bob);
    expect(await client.ping({ timeout: 5000 })).toEqual({});
  });

  it.each([
    ["the message", OUT, { isError: true, content: [{ text: expect.stringMatching(/^The message is too large: \d+ bytes/) }] }],
    ["the answer", IN, { code: -32_603, message: expect.stringMatching(/The response is too large: \d+ bytes/) }],
  ])("answers with an error if a channel rejects %s", async (_what, name, answer) => {
    const { alice, bob, bridge, manager } = await start();
    const end = async (each: string) => ({
      name: each,
      port: each === name ? rejecting(await manager.open(each), "Ada") : await manager.open(each),
    });
    await bridge.bridge(await end(IN), await end(OUT), MCP, A2A);
    await agent(bob, (message) => [{ text: `You said ${firstText(message)}` }]);
    const client = await connect(alice);
    expect(await say(client, "Ada").catch((error: unknown) => error)).toMatchObject(answer);
    expect(await say(client, "Eve")).toMatchObject({ content: [{ text: "You said Eve" }] });
  });

  it("drops cancelled calls", async () => {
    const { alice, bob, run } = await start();
    await run({ maxPending: 1 });
    const inbound = (await bob.open(OUT)).receive();
    const client = await connect(alice);
    const abort = new AbortController();
    const cancelled = client.callTool({ name: "send_message", arguments: { text: "never mind" } }, undefined, { signal: abort.signal });
    await take(inbound, 1);
    abort.abort();
    await expect(cancelled).rejects.toThrow(/abort/i);
    await agent(bob, () => [{ text: "here" }]);
    expect(await say(client, "next")).toMatchObject({ content: [{ text: "here" }] });
  });
});
