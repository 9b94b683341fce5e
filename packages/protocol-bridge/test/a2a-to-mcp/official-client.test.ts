import { Role, TaskState, type Message, type StreamResponse } from "@a2a-js/sdk";
import { TaskNotFoundError } from "@a2a-js/sdk/errors";
import { AgentEvent, DefaultRequestHandler, InMemoryTaskStore, type AgentExecutor } from "@a2a-js/sdk/server";
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Protocol } from "@parley/envelope-and-adapters";
import { a2aChannelInterface, serveA2a } from "@parley/envelope-and-adapters/a2a";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { ProtocolBridge, type BridgeOptions, type RunningBridge } from "../../src/index.ts";
import { a2aClient, asking, textOf } from "../support/a2a-client.ts";
import { json } from "../support/messages.ts";
import { greeter, serveTools } from "../support/tools.ts";
import { eventually, take, world } from "../support/world.ts";

const IN = "org/a2a/desk";
const OUT = "org/n/tools";

const ending: (() => Promise<unknown>)[] = [];
let all: Awaited<ReturnType<typeof world>>;

beforeEach(async () => {
  all = await world([IN, OUT]);
});
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

async function run(options: BridgeOptions = {}): Promise<RunningBridge> {
  const bridge = new ProtocolBridge(all.manager, options);
  ending.push(() => bridge.stop());
  return bridge.bridge(IN, OUT, Protocol.A2A, Protocol.MCP);
}

async function serve(tools: (server: McpServer) => void) {
  const serving = serveTools(await all.bob.open(OUT), tools);
  ending.push(serving.close);
  return serving;
}

async function connect(channels = all.alice, agent = "bridge") {
  const { client, close } = await a2aClient(await channels.open(IN), agent);
  ending.push(close);
  return client;
}

/** A tool that never answers. It records when it is called and when it is cancelled. */
function hanging(told: string[]): (server: McpServer) => void {
  return (server) =>
    server.registerTool("hang", { inputSchema: { name: z.string() } }, async ({ name }, { signal }) => {
      told.push(`called ${name}`);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      told.push(`cancelled ${name}`);
      return { content: [] };
    });
}

const blankMessage = { taskId: "", role: Role.ROLE_AGENT, parts: [], metadata: undefined, extensions: [], referenceTaskIds: [] };

async function collect(stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const events: StreamResponse[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe("official A2A client of the bridge", () => {
  it("calls a tool of an official MCP server, and receives its result as a message on the same context", async () => {
    const calls: string[] = [];
    await serve(greeter(calls));
    const running = await run();
    const client = await connect();
    const request = asking("Ada", { contextId: "my context" });
    const answer = (await client.sendMessage(request)) as Message;
    expect(textOf(answer)).toBe("Hello Ada");
    expect(answer).toMatchObject({ contextId: "my context", role: 2, taskId: "" });
    const origin = { protocol: "mcp", sender: "bob" };
    expect(answer.metadata?.["bridge"]).toEqual({ replyTo: request.message?.messageId, origin });
    expect(calls).toEqual(["Ada"]);
    await eventually(() => expect(running.counters).toMatchObject({ forwarded: 1, answered: 2, refused: 0 }));
  });

  it("receives a stream of one message", async () => {
    await serve(greeter());
    await run();
    const client = await connect();
    const events = await collect(client.sendMessageStream(asking("Ada", { contextId: "c" })));
    expect(events.map(({ payload }) => payload?.$case)).toEqual(["message"]);
    expect(events[0]?.payload?.value).toMatchObject({ contextId: "c", role: 2 });
  });

  it("receives a new context if its request names none", async () => {
    await serve(greeter());
    await run();
    const client = await connect();
    const answers = (await Promise.all(["a", "b"].map((name) => client.sendMessage(asking(name))))) as Message[];
    const [one, other] = answers.map(({ contextId }) => contextId);
    expect(one).toMatch(/^[\da-f-]{36}$/);
    expect(other).not.toBe(one);
  });

  it("reads a card with the tools as skills, and a generic card before a server is connected", async () => {
    await run();
    const before = await (await connect()).getAgentCard();
    expect(before).toMatchObject({ name: "bridge", capabilities: { streaming: true }, skills: [{ id: "ask" }] });
    await serve(greeter());
    await (await connect()).sendMessage(asking("Ada"));
    const { skills } = await (await connect()).getAgentCard();
    expect(skills).toMatchObject([{ id: "greet", name: "Greet", description: "Greets by name.", tags: ["mcp"] }]);
  });

  it("receives the SDK's errors for methods that need tasks", async () => {
    await run();
    const client = await connect();
    const id = { tenant: "", id: "t" };
    await expect(client.getTask(id)).rejects.toThrow(TaskNotFoundError);
    await expect(client.cancelTask({ ...id, metadata: undefined })).rejects.toThrow(TaskNotFoundError);
    await expect(client.resubscribeTask(id).next()).rejects.toThrow(TaskNotFoundError);
    await expect(client.sendMessage(asking("more", { taskId: "t" }))).rejects.toThrow(TaskNotFoundError);
    const query = { tenant: "", contextId: "", status: TaskState.TASK_STATE_UNSPECIFIED, pageToken: "", statusTimestampAfter: undefined };
    expect((await client.listTasks(query)).tasks).toEqual([]);
  });

  it("receives instructions if its message calls no tool", async () => {
    await serve((server) => {
      greeter()(server);
      server.registerTool("other", {}, () => ({ content: [] }));
    });
    await run();
    const client = await connect();
    const answer = (await client.sendMessage(asking("which?"))) as Message;
    expect(textOf(answer)).toContain("greet, other");
    expect(answer.metadata?.["mcp"]).toEqual({ isError: true });
  });

  it("receives an error if no server connects in time", async () => {
    const running = await run({ answerTimeoutMs: 100 });
    const client = await connect();
    await expect(client.sendMessage(asking("nobody"))).rejects.toThrow("No MCP server is connected");
    await expect(collect(client.sendMessageStream(asking("nobody")))).rejects.toThrow("No MCP server is connected");
    await eventually(() => expect(running.counters).toMatchObject({ forwarded: 0, answered: 3 }));
  });

  it("receives its answer once a server connects, without delaying other calls until then", async () => {
    const running = await run({ agent: "desk" });
    const client = await connect(all.alice, "desk");
    const waiting = Promise.all(["a", "b"].map((name) => client.sendMessage(asking(name))));
    await eventually(() => expect(running.counters.received).toBe(3));
    await expect(client.getTask({ tenant: "", id: "t" })).rejects.toThrow(TaskNotFoundError);
    await serve(greeter());
    expect((await waiting).map(textOf)).toEqual(["Hello a", "Hello b"]);
  });

  it("cancels the tool call when it aborts, and receives no answer", async () => {
    const told: string[] = [];
    await serve(hanging(told));
    const spy = (await all.alice.open(IN)).receive();
    const running = await run({ answerTimeoutMs: 400 });
    const client = await connect();
    await take(spy, 1);
    const stop = new AbortController();
    const call = client.sendMessage(asking("a"), { signal: stop.signal });
    await eventually(() => expect(told).toEqual(["called a"]));
    stop.abort();
    await expect(call).rejects.toThrow("aborted");
    await eventually(() => expect(told).toEqual(["called a", "cancelled a"]));
    const late = client.sendMessage(asking("b"));
    await expect(late).rejects.toThrow("not answered in time");
    // The first call received no answer: the next envelope is the answer to the second.
    const [next] = await take(spy, 1);
    expect(JSON.stringify(json(next?.envelope as never))).toContain("not answered in time");
    expect(running.counters).toMatchObject({ forwarded: 2, answered: 2 });
  });

  it("has its call dropped when it aborts before a server connects", async () => {
    const calls: string[] = [];
    const running = await run();
    const client = await connect();
    const stop = new AbortController();
    const call = client.sendMessage(asking("a"), { signal: stop.signal });
    await eventually(() => expect(running.counters.received).toBe(2));
    stop.abort();
    await expect(call).rejects.toThrow("aborted");
    await eventually(() => expect(running.counters.received).toBe(3));
    await serve(greeter(calls));
    await client.sendMessage(asking("b"));
    expect(calls).toEqual(["b"]);
  });

  it("receives an error if the server stops during a call, and can call the next server", async () => {
    const told: string[] = [];
    const dead = await serve(hanging(told));
    await run();
    const client = await connect();
    const call = client.sendMessage(asking("a"));
    await eventually(() => expect(told).toEqual(["called a"]));
    const failed = expect(call).rejects.toThrow("server was restarted");
    await dead.close();
    await failed;
    await serve(greeter());
    expect(textOf(await client.sendMessage(asking("Ada")))).toBe("Hello Ada");
  });

  it("has a limited number of calls in flight, without affecting other clients", async () => {
    const told: string[] = [];
    await serve(hanging(told));
    await run();
    const client = await connect();
    const calls = Array.from({ length: 65 }, (_, index) => client.sendMessage(asking(`${index}`)));
    await expect(Promise.race(calls)).rejects.toThrow("Too many calls");
    for (const call of calls) call.catch(() => undefined);
    const other = (await connect(all.bob)).sendMessage(asking("other"));
    other.catch(() => undefined);
    await eventually(() => expect(told).toContain("called other"));
    expect(told).toHaveLength(65);
  });

  it("receives errors of the tool in the answer", async () => {
    await serve((server) =>
      server.registerTool("fail", {}, () => {
        throw new Error("out of paper");
      }),
    );
    await run();
    const answer = (await (await connect()).sendMessage(asking("x"))) as Message;
    expect(textOf(answer)).toContain("out of paper");
    expect(answer.metadata?.["mcp"]).toMatchObject({ isError: true });
  });

  it("can call another agent of the channel, and the bridge ignores it", async () => {
    const calls: string[] = [];
    await serve(greeter(calls));
    const running = await run();
    const card = { ...(await (await connect()).getAgentCard()), name: "other", supportedInterfaces: [a2aChannelInterface("other")] };
    const executor: AgentExecutor = {
      execute: async ({ contextId }, bus) => {
        bus.publish(AgentEvent.message({ ...blankMessage, contextId, messageId: "1" }));
        bus.finished();
      },
      cancelTask: async () => undefined,
    };
    const serving = await serveA2a(await all.bob.open(IN), new DefaultRequestHandler(card, new InMemoryTaskStore(), executor));
    ending.push(() => serving.close());
    expect(await (await connect(all.alice, "other")).sendMessage(asking("Ada"))).toMatchObject({ messageId: "1" });
    expect(calls).toEqual([]);
    await eventually(() => expect(running.counters).toMatchObject({ forwarded: 0, answered: 1, refused: 0 }));
  });
});
