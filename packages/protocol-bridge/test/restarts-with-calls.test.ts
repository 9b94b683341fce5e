import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Protocol } from "@parley/envelope-and-adapters";
import { A2aAdapter } from "@parley/envelope-and-adapters/a2a";
import type { MemoryChannels } from "@parley/envelope-and-adapters/memory";
import { McpChannelServer, McpChannelTransport } from "@parley/envelope-and-adapters/mcp";
import { randomFrom, SEED } from "@parley/test-assertions";
import { expect, it, onTestFailed } from "vitest";
import { z } from "zod";
import { ProtocolBridge, type NamedPort } from "../src/index.ts";
import { a2aClient, asking, textOf } from "./support/a2a-client.ts";
import { a2a, firstText, json } from "./support/messages.ts";
import { killable } from "./support/killable.ts";
import { greeter, serveTools } from "./support/tools.ts";
import { unused, world } from "./support/world.ts";

const { A2A, MCP } = Protocol;
const AGENTS = "org/a2a/desk";
const TOOLS = "org/n/tools";
const COUNT = 300;
const NAMES = Array.from({ length: COUNT }, (_, index) => `${index}`);
const byNumber = (a: string, b: string): number => Number(a) - Number(b);

/** Runs bridges one after the other and kills each after some answers, until `isDone`. Returns their number. */
async function runsUntil(manager: MemoryChannels, ends: readonly [string, string], pair: readonly [string, string], isDone: () => boolean) {
  onTestFailed(() => void process.stderr.write(`PARLEY_SEED=${SEED}\n`));
  const random = randomFrom(SEED);
  let runs = 0;
  while (!isDone()) {
    runs += 1;
    const [source, target] = [killable(await manager.open(ends[0])), killable(await manager.open(ends[1]))];
    const bridge = new ProtocolBridge(manager);
    const [from, to] = ends.map((name, index) => ({ name, port: [source, target][index]?.port ?? unused() })) as [NamedPort, NamedPort];
    const running = await bridge.bridge(from, to, ...pair, pair[0] === A2A ? { maxPending: 10 } : {});
    const share = 1 + random(30);
    while (!isDone() && running.counters.answered < share) await new Promise((resolve) => setImmediate(resolve));
    source.kill();
    target.kill();
    // Resolves only if nothing was in flight.
    void bridge.stop();
  }
  return runs;
}

it("A2A to MCP answers each message once with one tool call while the bridge is killed repeatedly", async () => {
  const { alice, bob, manager } = await world([AGENTS, TOOLS]);
  const calls: string[] = [];
  const listener = new McpChannelServer(await bob.open(TOOLS), { name: "greeter" });
  const serving = (async () => {
    for await (const session of listener) {
      const server = new McpServer({ name: "greeter", version: "1.0.0" });
      server.registerTool("greet", { inputSchema: { name: z.string() } }, async ({ name }) => {
        calls.push(name);
        await new Promise((resolve) => setImmediate(resolve));
        return { content: [{ type: "text", text: name }] };
      });
      await server.connect(session);
    }
  })();
  const adapter = new A2aAdapter(alice, { agentId: "asker" });
  await adapter.openContext("desk");
  for (const name of NAMES) await adapter.sendMessage("desk", [{ text: name }]);
  const answers: string[] = [];
  const reading = (async () => {
    while (answers.length < COUNT) answers.push(...(await adapter.receiveMessages("desk", { timeout: 30 })).map(firstText));
  })();
  const runs = await runsUntil(manager, [AGENTS, TOOLS], [A2A, MCP], () => answers.length >= COUNT);
  await reading;
  expect(answers.toSorted(byNumber)).toEqual(NAMES);
  expect(calls.toSorted(byNumber)).toEqual(NAMES);
  expect(runs).toBeGreaterThan(5);
  await adapter.close();
  await listener.close();
  await serving;
});

it("an official A2A client receives one answer for each call while the bridge is killed repeatedly", async () => {
  const { alice, bob, manager } = await world([AGENTS, TOOLS]);
  const calls: string[] = [];
  const serving = serveTools(await bob.open(TOOLS), greeter(calls));
  const errors: Error[] = [];
  const answers: string[] = [];
  const calling = (async () => {
    const { client, close } = await a2aClient(await alice.open(AGENTS), "bridge", { onError: (error) => errors.push(error) });
    const queue = [...NAMES];
    const ask = async (name: string): Promise<string> => {
      if (Number(name) % 2 === 0) return textOf(await client.sendMessage(asking(name)));
      const said: string[] = [];
      for await (const { payload } of client.sendMessageStream(asking(name)))
        if (payload?.$case === "message") said.push(textOf(payload.value));
      return said.join();
    };
    const work = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) answers.push(await ask(name));
    };
    await Promise.all(Array.from({ length: 10 }, work));
    await close();
  })();
  const runs = await runsUntil(manager, [AGENTS, TOOLS], [A2A, MCP], () => answers.length >= COUNT);
  await calling;
  expect(answers.toSorted()).toEqual(NAMES.map((name) => `Hello ${name}`).toSorted());
  expect(calls.toSorted(byNumber)).toEqual(NAMES);
  expect(errors).toEqual([]);
  expect(runs).toBeGreaterThan(5);
  await serving.close();
});

it("MCP to A2A answers each call once with one message while the bridge is killed repeatedly", async () => {
  const { alice, bob, manager } = await world([AGENTS, TOOLS]);
  const asked: string[] = [];
  const port = await bob.open(AGENTS);
  const stop = new AbortController();
  const answering = (async () => {
    for await (const { envelope } of port.receive({ protocol: A2A, signal: stop.signal })) {
      const { messageId, parts } = json(envelope) as { messageId: string; parts: readonly { text: string }[] };
      asked.push(parts[0]?.text ?? "");
      await new Promise((resolve) => setImmediate(resolve));
      await port.send(a2a({ contextId: "desk", role: "ROLE_AGENT", parts, metadata: { bridge: { replyTo: messageId } } }));
    }
  })();
  const client = new Client({ name: "client", version: "1.0.0" });
  const results: string[] = [];
  const calling = (async () => {
    await client.connect(new McpChannelTransport(await alice.open(TOOLS)));
    const queue = [...NAMES];
    const work = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
        const { content } = await client.callTool({ name: "send_message", arguments: { text: name } });
        results.push((content as readonly { text: string }[])[0]?.text ?? "");
      }
    };
    await Promise.all(Array.from({ length: 10 }, work));
  })();
  const runs = await runsUntil(manager, [TOOLS, AGENTS], [MCP, A2A], () => results.length >= COUNT);
  await calling;
  expect(results.toSorted(byNumber)).toEqual(NAMES);
  expect(asked.toSorted(byNumber)).toEqual(NAMES);
  expect(runs).toBeGreaterThan(5);
  stop.abort();
  await answering;
  await client.close();
});
