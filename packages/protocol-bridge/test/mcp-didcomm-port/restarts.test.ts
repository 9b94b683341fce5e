import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Client as McpClient } from "@modelcontextprotocol/sdk/client/index.js";
import { Protocol } from "@parley/envelope-and-adapters";
import { McpChannelTransport } from "@parley/envelope-and-adapters/mcp";
import { randomFrom, SEED } from "@parley/test-assertions";
import { afterEach, beforeEach, expect, it, onTestFailed } from "vitest";
import { z } from "zod";
import { ProtocolBridge, type RunningBridge } from "../../src/index.ts";
import { Agents, BRIDGE, CALLER, TOOLS } from "../support/agents.ts";
import { killable } from "../support/killable.ts";
import { serveTools } from "../support/tools.ts";
import { world } from "../support/world.ts";

const { MCP } = Protocol;
const CHANNEL = "org/team/tools";
const NAMES = Array.from({ length: 200 }, (_, index) => `${index}`);
const byNumber = (a: string, b: string): number => Number(a) - Number(b);

let agents: Agents;
beforeEach(async () => {
  agents = await Agents.start();
});
afterEach(() => agents[Symbol.asyncDispose]());

function greet(calls: string[]): (server: McpServer) => void {
  return (server) =>
    server.registerTool("greet", { inputSchema: { name: z.string() } }, async ({ name }) => {
      calls.push(name);
      await new Promise((resolve) => setImmediate(resolve));
      return { content: [{ type: "text", text: name }] };
    });
}

/** Runs the work for all names, ten at a time. */
async function forAllNames(work: (name: string) => Promise<void>): Promise<void> {
  const queue = [...NAMES];
  const next = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) await work(name);
  };
  await Promise.all(Array.from({ length: 10 }, next));
}

/** Runs bridges one after the other, and kills each with its agent when it has answered some requests. Returns their number. */
async function killRepeatedly(
  start: () => Promise<{ readonly running: RunningBridge; kill(): Promise<void> }>,
  isDone: () => boolean,
): Promise<number> {
  onTestFailed(() => void process.stderr.write(`PARLEY_SEED=${SEED}\n`));
  const random = randomFrom(SEED);
  let runs = 0;
  while (!isDone()) {
    runs += 1;
    const { running, kill } = await start();
    const share = 5 + random(30);
    while (!isDone() && running.counters.answered < share) await new Promise((resolve) => setImmediate(resolve));
    await kill();
  }
  return runs;
}

it("an agent's calls are answered once, each by one tool call, while the bridge and its agent are killed repeatedly", async () => {
  const { bob, manager } = await world([CHANNEL]);
  const calls: string[] = [];
  const serving = serveTools(await bob.open(CHANNEL), greet(calls), { name: "tools" });
  // From here on the node stores messages for the bridge's agent.
  const first = await agents.port();
  await first.client.close();
  const caller = agents.agent(CALLER);
  const peer = caller.mcp().peer(BRIDGE);
  await caller.connect();
  const results: string[] = [];
  const calling = forAllNames(async (name) => {
    const { content } = await peer.callTool("greet", { name }, { timeoutMs: 60_000 });
    results.push((content as unknown as readonly { text: string }[])[0]?.text ?? "");
  });
  const runs = await killRepeatedly(
    async () => {
      const { client, port } = await agents.port();
      const [source, target] = [killable(port), killable(await manager.open(CHANNEL))];
      const bridge = new ProtocolBridge(manager);
      const running = await bridge.bridge({ name: "agents", port: source.port }, { name: CHANNEL, port: target.port }, MCP, MCP, {
        server: "tools",
      });
      const kill = async (): Promise<void> => {
        source.kill();
        target.kill();
        await port.close();
        await client.close();
        // Resolves only if nothing was in flight.
        void bridge.stop();
      };
      return { running, kill };
    },
    () => results.length >= NAMES.length,
  );
  await calling;
  expect(results.toSorted(byNumber)).toEqual(NAMES);
  expect(calls.toSorted(byNumber)).toEqual(NAMES);
  expect(runs).toBeGreaterThan(3);
  await serving.close();
});

it("calls of a channel's client are answered once, each by one call of the agent's tool, while the bridge and its agent are killed repeatedly", async () => {
  const calls: string[] = [];
  const tools = agents.agent(TOOLS);
  tools.mcp().serve((session) => {
    const server = new McpServer({ name: "tools", version: "1.0.0" });
    greet(calls)(server);
    return server.connect(session);
  });
  await tools.connect();
  const { alice, manager } = await world([CHANNEL]);
  const results: string[] = [];
  const client = new McpClient({ name: "client", version: "1.0.0" });
  const calling = (async () => {
    await client.connect(new McpChannelTransport(await alice.open(CHANNEL)));
    await forAllNames(async (name) => {
      const { content } = await client.callTool({ name: "greet", arguments: { name } });
      results.push((content as readonly { text: string }[])[0]?.text ?? "");
    });
  })();
  const runs = await killRepeatedly(
    async () => {
      const { client: agent, port } = await agents.port({ server: TOOLS });
      const [source, target] = [killable(await manager.open(CHANNEL)), killable(port)];
      const bridge = new ProtocolBridge(manager);
      const running = await bridge.bridge({ name: CHANNEL, port: source.port }, { name: "tools", port: target.port }, MCP, MCP);
      const kill = async (): Promise<void> => {
        source.kill();
        target.kill();
        await port.close();
        await agent.close();
        // Resolves only if nothing was in flight.
        void bridge.stop();
      };
      return { running, kill };
    },
    () => results.length >= NAMES.length,
  );
  await calling;
  expect(results.toSorted(byNumber)).toEqual(NAMES);
  expect(calls.toSorted(byNumber)).toEqual(NAMES);
  expect(runs).toBeGreaterThan(3);
  await client.close();
});
