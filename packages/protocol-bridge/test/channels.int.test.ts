import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { SkytaleChannelManager } from "@parley/channels";
import { Protocol, type EnvelopePort } from "@parley/envelope-and-adapters";
import { A2aAdapter } from "@parley/envelope-and-adapters/a2a";
import { McpChannelServer } from "@parley/envelope-and-adapters/mcp";
import { bundleProgram } from "@parley/test-assertions";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { ProtocolBridge } from "../src/index.ts";
import { a2aClient, asking, textOf } from "./support/a2a-client.ts";
import { a2aText, firstText, text } from "./support/messages.ts";
import { Skytale } from "./support/skytale.ts";
import { eventually, take } from "./support/world.ts";

const { A2A, MCP, SLIM } = Protocol;
const IN = "acme/a2a/desk";
const OUT = "acme/team/out";

/** Program that runs the bridge in a separate process, from the built packages. */
const BRIDGE = await bundleProgram(fileURLToPath(new URL("fixtures/bridge.mjs", import.meta.url)));

let skytale: Skytale;
const processes: ChildProcess[] = [];

beforeEach(async () => {
  skytale = await Skytale.start();
});
afterEach(async () => {
  for (const child of processes.splice(0)) child.kill("SIGKILL");
  await skytale[Symbol.asyncDispose]();
});

/** Alice on one channel, Bob on the other, and the bridge on both. */
async function members(): Promise<{ alice: SkytaleChannelManager; bob: SkytaleChannelManager; manager: SkytaleChannelManager }> {
  const [alice, bob, manager] = ["alice", "bob", "bridge"].map((name) => skytale.agent(name)) as [
    SkytaleChannelManager,
    SkytaleChannelManager,
    SkytaleChannelManager,
  ];
  await alice.create(IN);
  await bob.create(OUT);
  await manager.joinWithToken(IN, await alice.invite(IN));
  await manager.joinWithToken(OUT, await bob.invite(OUT));
  return { alice, bob, manager };
}

async function sendAll(port: EnvelopePort, contents: readonly string[]): Promise<void> {
  await Promise.all(contents.map((content) => port.send(a2aText(content))));
}

async function serveGreeter(bob: SkytaleChannelManager, calls: string[]): Promise<McpChannelServer> {
  const listener = new McpChannelServer(await bob.open(OUT), { name: "greeter" });
  void (async () => {
    for await (const session of listener) {
      const server = new McpServer({ name: "greeter", version: "1.0.0" });
      server.registerTool("greet", { inputSchema: { name: z.string() } }, ({ name }) => {
        calls.push(name);
        return { content: [{ type: "text", text: `Hello ${name}` }] };
      });
      await server.connect(session);
    }
  })();
  return listener;
}

function bridgeProcess(from: string, to: string): { readonly child: ChildProcess; readonly forwarded: (count: number) => Promise<void> } {
  const { relayUrl, apiUrl, apiKey = "" } = skytale.server;
  const ends = { IN, OUT, FROM: from, TO: to, ENDPOINT: relayUrl, API_URL: apiUrl, API_KEY: apiKey };
  const child = spawn(process.execPath, [BRIDGE], {
    env: { ...process.env, ...ends, DATA_DIR: join(skytale.directory, "bridge") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  processes.push(child);
  const lines = createInterface({ input: child.stdout });
  const forwarded = async (count: number): Promise<void> => {
    for await (const line of lines) if (Number(line) >= count) return;
  };
  return { child, forwarded };
}

describe("over encrypted channels", () => {
  it("an A2A message calls a tool of an official MCP server, and the result returns on the same context", async () => {
    const { alice, bob, manager } = await members();
    const calls: string[] = [];
    const listener = await serveGreeter(bob, calls);
    await using bridge = new ProtocolBridge(manager);
    await bridge.bridge(IN, OUT, A2A, MCP);
    await using adapter = new A2aAdapter(alice, { agentId: "asker", org: "acme" });
    await adapter.openContext("desk");
    const messageId = await adapter.sendMessage("desk", [{ type: "text", text: "Ada" }]);
    const [answer] = await adapter.receiveMessages("desk", { timeout: 20 });
    expect(answer).toMatchObject({ contextId: "desk", role: "agent", parts: [{ text: "Hello Ada" }] });
    expect(answer?.metadata?.["bridge"]).toMatchObject({ replyTo: messageId, origin: { protocol: "mcp" } });
    await listener.close();
  });

  it("forwards each message once while its channel manager is closed and reopened", async () => {
    const { alice, bob, manager } = await members();
    const contents = Array.from({ length: 500 }, (_, index) => `${index}`);
    const arrived = take((await bob.open(OUT)).receive(), contents.length);
    const state = { isDone: false };
    void arrived.then(() => (state.isDone = true));
    const sending = sendAll(await alice.open(IN), contents);
    let current = manager;
    let runs = 0;
    for (let share = 100; !state.isDone; runs++) {
      const bridge = new ProtocolBridge(current);
      const running = await bridge.bridge(IN, OUT, A2A, SLIM);
      await eventually(() => expect(state.isDone || running.counters.forwarded >= share).toBe(true));
      // Every other time, the manager is closed while the bridge runs.
      if (runs % 2 === 0) await bridge.stop();
      await current.close();
      expect(running.status).toBe(runs % 2 === 0 ? "stopped" : "ended");
      current = skytale.agent("bridge");
    }
    await sending;
    expect((await arrived).map(({ envelope }) => text(envelope))).toEqual(contents);
    expect(runs).toBeGreaterThan(2);
  });

  it("forwards each message once while its process is killed and restarted", async () => {
    const { alice, bob, manager } = await members();
    await manager.close();
    const contents = Array.from({ length: 400 }, (_, index) => `${index}`);
    const arrived = take((await bob.open(OUT)).receive(), contents.length);
    const sending = sendAll(await alice.open(IN), contents);
    for (const share of [30, 60, 90]) {
      const { child, forwarded } = bridgeProcess(A2A, SLIM);
      await forwarded(share);
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
    bridgeProcess(A2A, SLIM);
    await sending;
    expect((await arrived).map(({ envelope }) => text(envelope))).toEqual(contents);
  });

  it("answers each message of an A2A agent once while the bridge is killed and restarted", async () => {
    const { alice, bob, manager } = await members();
    await manager.close();
    const calls: string[] = [];
    const listener = await serveGreeter(bob, calls);
    await using adapter = new A2aAdapter(alice, { agentId: "asker", org: "acme" });
    await adapter.openContext("desk");
    const names = Array.from({ length: 60 }, (_, index) => `${index}`);
    // Each process has new messages to forward, independent of the progress of the one before it.
    for (const round of [0, 1, 2]) {
      for (const name of names.slice(20 * round, 20 * round + 20)) await adapter.sendMessage("desk", [{ text: name }]);
      const { child, forwarded } = bridgeProcess(A2A, MCP);
      if (round === 2) break;
      await forwarded(5);
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
    const answers: string[] = [];
    while (answers.length < names.length) {
      const more = await adapter.receiveMessages("desk", { timeout: 20 });
      if (more.length === 0) throw new Error(`Only ${answers.length} answers came`);
      answers.push(...more.map(firstText));
    }
    expect(answers.toSorted()).toEqual(names.map((name) => `Hello ${name}`).toSorted());
    expect(calls.toSorted()).toEqual(names.toSorted());
    await listener.close();
  });

  it("answers each call of an official A2A client once while the bridge is killed and restarted", async () => {
    const { alice, bob, manager } = await members();
    await manager.close();
    const calls: string[] = [];
    const listener = await serveGreeter(bob, calls);
    const first = bridgeProcess(A2A, MCP);
    const { client, close } = await a2aClient(await alice.open(IN));
    const names = Array.from({ length: 60 }, (_, index) => `${index}`);
    const answers: ReturnType<typeof client.sendMessage>[] = [];
    let current = first;
    // Each process has new calls to forward, independent of the progress of the one before it.
    for (const round of [0, 1, 2]) {
      answers.push(...names.slice(20 * round, 20 * round + 20).map((name) => client.sendMessage(asking(name))));
      if (round === 2) break;
      await current.forwarded(5);
      const exit = once(current.child, "exit");
      current.child.kill("SIGKILL");
      await exit;
      current = bridgeProcess(A2A, MCP);
    }
    expect((await Promise.all(answers)).map(textOf)).toEqual(names.map((name) => `Hello ${name}`));
    expect(calls.toSorted()).toEqual(names.toSorted());
    await close();
    await listener.close();
  });
});
