import { A2aAdapter } from "@parley/envelope-and-adapters/a2a";
import { McpChannelTransport } from "@parley/envelope-and-adapters/mcp";
import { SlimAdapter } from "@parley/envelope-and-adapters/slim";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { SkytaleChannelManager } from "../../src/index.ts";
import { NAME } from "../support/harness.ts";
import { Managers } from "../support/managers.ts";

let managers: Managers;
let alice: SkytaleChannelManager;
let bob: SkytaleChannelManager;

beforeEach(async () => {
  managers = await Managers.start();
  alice = managers.of("alice");
  bob = managers.of("bob");
  await alice.create(NAME);
  await bob.joinWithToken(NAME, await alice.invite(NAME));
});

afterEach(() => managers[Symbol.asyncDispose]());

it("SLIM publishes and subscribes through managers", async () => {
  await using subscriber = new SlimAdapter(bob);
  await subscriber.subscribe(NAME);
  await new SlimAdapter(alice).publish(NAME, "180 °C");
  const [message] = await subscriber.receiveMessages(NAME);
  expect(message).toMatchObject({ sender: "alice", contentType: "text/plain" });
  expect(Buffer.from(message?.payload ?? []).toString()).toBe("180 °C");
});

it("all acknowledged A2A messages are received at once", async () => {
  await using ours = new A2aAdapter(alice, { agentId: "agent-1" });
  await using theirs = new A2aAdapter(bob, { agentId: "agent-2" });
  await ours.createContext("research");
  await theirs.joinContext("research", await alice.addMember("org/a2a/research", await bob.keyPackage()));
  for (let round = 0; round < 10; round++) {
    for (const text of ["one", "two"]) await ours.sendMessage("research", [{ type: "text", text }]);
    expect(await theirs.receiveMessages("research")).toHaveLength(2);
  }
});

it("MCP works over a channel between managers, alongside other messages", async () => {
  const server = new McpChannelTransport(await bob.open(NAME), { role: "server" });
  const client = new McpChannelTransport(await alice.open(NAME));
  const request = server.read();
  await client.write({ jsonrpc: "2.0", method: "ping", id: 1 });
  expect(await request).toEqual({ jsonrpc: "2.0", method: "ping", id: 1 });
  await bob.send(NAME, "a member pinged me");
  await server.write({ jsonrpc: "2.0", id: 1, result: {} });
  expect(await client.read()).toEqual({ jsonrpc: "2.0", id: 1, result: {} });
  expect(await alice.receive(NAME)).toEqual(["a member pinged me"]);
  await client.close();
  await server.close();
});
