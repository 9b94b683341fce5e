import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { expect, it } from "vitest";
import { McpChannelServer, McpChannelTransport, type JsonRpcMessage } from "../../src/mcp/index.ts";
import { createMemoryChannels, createMemoryPorts } from "../../src/memory/index.ts";

const PING: JsonRpcMessage = { jsonrpc: "2.0", method: "ping", id: 1 };
const PONG: JsonRpcMessage = { jsonrpc: "2.0", id: 1, result: {} };
const NAME = "org/ns/mcp-rpc";

/** Two agents that are members of one channel. */
async function agents() {
  const [alice, bob] = createMemoryChannels(["alice", "bob"], { keepUnread: true });
  await alice.create(NAME);
  await bob.join(NAME, new Uint8Array());
  return { alice, bob };
}

it("without roles the end that writes first is the client", async () => {
  const [ours, theirs] = createMemoryPorts(["a", "b"]);
  await using a = new McpChannelTransport(ours);
  await using b = new McpChannelTransport(theirs);
  const request = b.read();
  await a.write(PING);
  expect(await request).toEqual(PING);
  await b.write(PONG);
  expect(await a.read()).toEqual(PONG);
});

it("without roles official clients and servers connect", async () => {
  const [ours, theirs] = createMemoryPorts(["a", "b"]);
  const server = new McpServer({ name: "greeter", version: "1.0.0" });
  server.registerTool("greet", {}, () => ({ content: [{ type: "text", text: "Hello" }] }));
  await server.connect(new McpChannelTransport(theirs));
  const client = new Client({ name: "example", version: "1.0.0" });
  await client.connect(new McpChannelTransport(ours));
  expect(await client.callTool({ name: "greet" })).toMatchObject({ content: [{ text: "Hello" }] });
  await client.close();
});

it("a client without a role ignores earlier messages of another client", async () => {
  const { alice, bob } = await agents();
  await using stranger = new McpChannelTransport(alice, NAME, { role: "client" });
  await stranger.write({ ...PING, id: "stranger" });
  await stranger.close();

  await using listener = new McpChannelServer(alice, NAME, { name: "greeter" });
  const serving = listener.serve(async (session) => {
    const server = new McpServer({ name: "greeter", version: "1.0.0" });
    server.registerTool("greet", {}, () => ({ content: [{ type: "text", text: `Hello ${session.sender}` }] }));
    await server.connect(session);
  });
  const client = new Client({ name: "example", version: "1.0.0" });
  await client.connect(new McpChannelTransport(bob, NAME));
  expect(await client.callTool({ name: "greet" })).toMatchObject({ content: [{ text: "Hello bob" }] });
  await client.close();
  await listener.close();
  await serving;
});

it("accepts a channel manager and a name, as the Python SDK does", async () => {
  const { alice, bob } = await agents();
  await using transport = new McpChannelTransport(alice, NAME);
  await using other = new McpChannelTransport(bob, NAME);
  await transport.write(PING);
  expect(await other.read()).toEqual(PING);
  await other.write(PONG);
  expect(await transport.read()).toEqual(PONG);
});

it("fails with the error of opening the channel", async () => {
  const { alice } = await agents();
  await using transport = new McpChannelTransport(alice, "org/ns/other");
  await expect(transport.write(PING)).rejects.toMatchObject({ code: "unknown_channel" });
  await expect(transport.read()).rejects.toMatchObject({ code: "unknown_channel" });
  const listener = new McpChannelServer(alice, "org/ns/other");
  await expect(listener.serve(() => undefined)).rejects.toMatchObject({ code: "unknown_channel" });
});

it("closes a session whose server can't be connected, and serves others", async () => {
  const { alice, bob } = await agents();
  const errors: Error[] = [];
  await using listener = new McpChannelServer(alice, NAME, { onError: (error) => errors.push(error) });
  let isFirst = true;
  const serving = listener.serve(async (session) => {
    if (isFirst) {
      isFirst = false;
      throw new Error("no server today");
    }
    await session.write({ ...PONG, id: (await session.read()).id });
  });
  await using refused = new McpChannelTransport(bob, NAME, { role: "client" });
  await refused.write(PING);
  await expect(refused.read()).rejects.toMatchObject({ code: "session_ended" });
  await using served = new McpChannelTransport(bob, NAME, { role: "client" });
  await served.write(PING);
  expect(await served.read()).toEqual(PONG);
  expect(errors).toMatchObject([{ message: "no server today" }]);
  await listener.close();
  await serving;
});
