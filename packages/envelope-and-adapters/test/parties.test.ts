import type { Message } from "@a2a-js/sdk";
import { ClientFactory } from "@a2a-js/sdk/client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { A2aChannelTransportFactory, serveA2a } from "../src/a2a/index.ts";
import { isPeer, partyOf } from "../src/internal/index.ts";
import { McpChannelServer, McpChannelTransport, type JsonRpcMessage, type McpServerSession } from "../src/mcp/index.ts";
import { createMemoryPorts, type MemoryPort } from "../src/memory/index.ts";
import { isJsonObject } from "@parley/core";
import { Envelope, Protocol, type ReceivedEnvelope } from "../src/index.ts";
import { SlimAdapter } from "../src/slim/index.ts";
import { request, testCard, TestAgent, textOf } from "./a2a/agent.ts";
import { bytes } from "./utf8.ts";

const PING: JsonRpcMessage = { jsonrpc: "2.0", method: "ping", id: 1 };

let server: MemoryPort;
let alice: MemoryPort;
/** Uses the name of another party. */
let impostor: MemoryPort;
let errors: { readonly code?: string }[];
const onError = (error: Error): void => void errors.push(error as never);

beforeEach(() => {
  [server, alice, impostor] = createMemoryPorts(["server", "alice", "alice"], { withKeys: true });
  errors = [];
});

afterEach(async () => {
  await Promise.all([server, alice, impostor].map((port) => port.close()));
});

function mcp(address: object, message: object): Envelope {
  return new Envelope(Protocol.MCP, "application/json", bytes(JSON.stringify(message)), { mcp: address } as never);
}

function sessionIn(received: ReceivedEnvelope | undefined): string {
  const address = received?.envelope.metadata?.["mcp"];
  return isJsonObject(address) ? String(address["session"]) : "";
}

describe("a party on a channel with keys", () => {
  it("has its key and its name in messages of adapters", async () => {
    const inbound = server.receive();
    await impostor.sendBytes(bytes("x"));
    expect((await inbound.next()).value).toMatchObject({ sender: "alice", senderKey: impostor.senderKey });
    expect(impostor.senderKey).not.toBe(alice.senderKey);
    const subscriber = new SlimAdapter({ open: () => Promise.resolve(server) });
    await subscriber.subscribe("org/a/b");
    await new SlimAdapter({ open: () => Promise.resolve(alice) }).publish("org/a/b", "hi");
    expect(await subscriber.receiveMessages("org/a/b")).toMatchObject([{ sender: "alice", senderKey: alice.senderKey }]);
    await subscriber.close();
  });

  it("owns its MCP session: another party with its name can't write in it or end it", async () => {
    await using serving = new McpChannelServer(server, { name: "tools", onError });
    const opening = serving[Symbol.asyncIterator]().next();
    await using transport = new McpChannelTransport(alice, { role: "client" });
    const seen = impostor.receive({ protocol: Protocol.MCP });
    await transport.write(PING);
    const session = (await opening).value as McpServerSession;
    expect(session).toMatchObject({ sender: "alice", senderKey: alice.senderKey });
    const heard: JsonRpcMessage[] = [];
    Object.assign(session, { onmessage: (message: JsonRpcMessage) => heard.push(message) });
    await session.start();
    const id = sessionIn((await seen.next()).value);
    await impostor.send(mcp({ session: id, role: "client" }, { jsonrpc: "2.0", method: "tools/call", id: 7, params: { name: "pay" } }));
    await impostor.send(mcp({ session: id, role: "client", event: "close" }, {}));
    await expect.poll(() => errors.map(({ code }) => code)).toEqual(["sender_mismatch", "sender_mismatch"]);
    await transport.write({ ...PING, id: 2 });
    await expect.poll(() => heard).toMatchObject([{ id: 1 }, { id: 2 }]);
  });

  it("is passed to `accepts` of an MCP server by key and name", async () => {
    const asked: (readonly [string | undefined, string | undefined])[] = [];
    const accepts = (...who: [string | undefined, string | undefined]): boolean => {
      asked.push(who);
      return who[1] === alice.senderKey;
    };
    await using serving = new McpChannelServer(server, { accepts, onError });
    const opening = serving[Symbol.asyncIterator]().next();
    await using refused = new McpChannelTransport(impostor, { role: "client" });
    await refused.write(PING);
    await using accepted = new McpChannelTransport(alice, { role: "client" });
    await accepted.write(PING);
    expect((await opening).value).toMatchObject({ senderKey: alice.senderKey });
    expect(asked).toEqual([
      ["alice", impostor.senderKey],
      ["alice", alice.senderKey],
    ]);
    expect(errors).toMatchObject([{ code: "sender_mismatch" }]);
  });

  it("stays the peer of a client, and can be selected with `peerKey`", async () => {
    const failures: { readonly code?: string }[] = [];
    await using transport = new McpChannelTransport(server, { role: "client", peer: "alice", peerKey: alice.senderKey ?? "" });
    Object.assign(transport, { onerror: (error: Error) => failures.push(error as never) });
    const heard: JsonRpcMessage[] = [];
    Object.assign(transport, { onmessage: (message: JsonRpcMessage) => heard.push(message) });
    const seen = impostor.receive({ protocol: Protocol.MCP });
    await using serving = new McpChannelServer(alice);
    const opening = serving[Symbol.asyncIterator]().next();
    await transport.start();
    await transport.write(PING);
    const session = sessionIn((await seen.next()).value);
    await impostor.send(mcp({ session, role: "server", instance: "x" }, { jsonrpc: "2.0", id: 1, result: { by: "impostor" } }));
    await expect.poll(() => failures).toMatchObject([{ code: "sender_mismatch" }]);
    const opened = (await opening).value as McpServerSession;
    await opened.write({ jsonrpc: "2.0", id: 1, result: { by: "alice" } });
    await expect.poll(() => heard).toMatchObject([{ result: { by: "alice" } }]);
  });

  it("is the user of an A2A call by its key, with its name as a claim", async () => {
    const agent = new TestAgent(testCard("agent-1"));
    const asked: (string | undefined)[] = [];
    const accepts = (_name: string | undefined, key: string | undefined): boolean => Boolean(asked.push(key));
    await using serving = await serveA2a(server, agent.handler, { accepts, onError });
    for (const port of [alice, impostor]) {
      const factory = new ClientFactory({ transports: [new A2aChannelTransportFactory(port, { peerKey: server.senderKey ?? "" })] });
      const client = await factory.createFromAgentCard(testCard("agent-1"));
      expect(textOf((await client.sendMessage(request("who"))) as Message)).toBe(`true ${port.senderKey}`);
    }
    await serving.close();
    expect(new Set(asked)).toEqual(new Set([alice.senderKey, impostor.senderKey]));
  });
});

describe("a party on a channel without keys", () => {
  it("is identified by its name, which is never mistaken for a key", () => {
    expect(partyOf({ sender: "alice" })).toBe("alice");
    expect(partyOf({ sender: "key abc" })).not.toBe(partyOf({ sender: "alice", senderKey: "abc" }));
    expect(partyOf({})).toBeUndefined();
    expect(isPeer({ peer: "alice", peerKey: "k" }, { sender: "alice" })).toBe(false);
    expect(isPeer({ peer: "alice" }, { sender: "alice", senderKey: "k" })).toBe(true);
    expect(isPeer({}, {})).toBe(true);
  });
});
