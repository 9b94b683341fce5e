import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TaskState, type Message, type StreamResponse, type Task } from "@a2a-js/sdk";
import { ClientFactory, DefaultAgentCardResolver, type Client } from "@a2a-js/sdk/client";
import {
  PushNotificationNotSupportedError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import { A2aChannelTransportFactory, serveA2a, type A2aServing } from "@parley/envelope-and-adapters/a2a";
import { SkytaleChannelManager } from "skytale";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { request, stateOf, testCard, TestAgent, textOf } from "../../../packages/envelope-and-adapters/test/a2a/agent.ts";

const CHANNEL = "acme/agents/cases";

let directory: string;
let skytale: SkytaleServer;
let managers: SkytaleChannelManager[];
let calls: A2aChannelTransportFactory;
let client: Client;
let agent: TestAgent;
let serving: A2aServing;
let port: Parameters<typeof serveA2a>[0];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "a2a-cases-"));
  skytale = await startSkytale({ port: 0, relayPort: 0, logger: false });
  const { relayUrl: endpoint, apiUrl, apiKey } = skytale;
  managers = ["client", "agent"].map(
    (identity) => new SkytaleChannelManager({ identity, endpoint, apiUrl, apiKey, dataDir: join(directory, identity) }),
  );
  const [ours, theirs] = managers as [SkytaleChannelManager, SkytaleChannelManager];
  port = await theirs.create(CHANNEL);
  calls = new A2aChannelTransportFactory(await ours.joinWithToken(CHANNEL, await theirs.invite(CHANNEL)));
});

afterAll(async () => {
  await calls.close();
  await serving.close();
  await Promise.all(managers.map((manager) => manager.close()));
  await skytale.close();
  await rm(directory, { recursive: true });
});

beforeEach(async () => {
  await (serving as A2aServing | undefined)?.close();
  agent = new TestAgent(testCard("agent-1"));
  serving = await serveA2a(port, agent.handler);
  const factory = new ClientFactory({ transports: [calls], cardResolver: new DefaultAgentCardResolver({ fetchImpl: calls.fetch }) });
  client = await factory.createFromUrl("a2a-channel://agent-1");
});

async function collect(stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const events: StreamResponse[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe("the official client and request handler over an encrypted channel", () => {
  it("message/send, answered by a message", async () => {
    expect(textOf((await client.sendMessage(request("hello"))) as Message)).toBe("echo hello");
  });

  it("message/send, answered by a task, which tasks/get and tasks/list return", async () => {
    const task = (await client.sendMessage(request("task"))) as Task;
    expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect((await client.getTask({ tenant: "", id: task.id })).artifacts.map(textOf)).toEqual(["one", "two", "three"]);
    const { tasks } = await client.listTasks({
      tenant: "",
      contextId: task.contextId,
      status: TaskState.TASK_STATE_UNSPECIFIED,
      pageToken: "",
      statusTimestampAfter: undefined,
    });
    expect(tasks.map(({ id }) => id)).toEqual([task.id]);
  });

  it("message/send in the same context again", async () => {
    const { contextId } = (await client.sendMessage(request("task"))) as Task;
    const second = (await client.sendMessage(request("task", { contextId }))) as Task;
    expect(second.contextId).toBe(contextId);
  });

  it("message/stream, in order", async () => {
    const events = await collect(client.sendMessageStream(request("task")));
    expect(events.map(({ payload }) => payload?.$case)).toEqual([
      "task",
      "statusUpdate",
      "artifactUpdate",
      "artifactUpdate",
      "artifactUpdate",
      "statusUpdate",
    ]);
    expect(stateOf(events[5] as StreamResponse)).toBe(TaskState.TASK_STATE_COMPLETED);
  });

  it("tasks/cancel of a task that is being streamed", async () => {
    const events = collect(client.sendMessageStream(request("wait")));
    const id = await agent.waiting.promise;
    const cancelled = await client.cancelTask({ tenant: "", id, metadata: undefined });
    expect(cancelled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect((await events).map(stateOf)).toContain(TaskState.TASK_STATE_CANCELED);
  });

  it("tasks/resubscribe after leaving the stream", async () => {
    for await (const { payload } of client.sendMessageStream(request("wait"))) if (payload?.$case === "statusUpdate") break;
    const id = await agent.waiting.promise;
    const again = client.resubscribeTask({ tenant: "", id });
    expect(stateOf((await again.next()).value as StreamResponse)).toBe(TaskState.TASK_STATE_WORKING);
    await client.cancelTask({ tenant: "", id, metadata: undefined });
    expect((await collect(again)).map(stateOf)).toContain(TaskState.TASK_STATE_CANCELED);
  });

  it("many concurrent calls", async () => {
    const texts = Array.from({ length: 40 }, (_, index) => `call ${index}`);
    const answers = await Promise.all(texts.map(async (text) => textOf((await client.sendMessage(request(text))) as Message)));
    expect(answers).toEqual(texts.map((text) => `echo ${text}`));
  });

  it("the caller, identified by the key that the channel proves", async () => {
    const caller = managers[1]?.members(CHANNEL).find(({ name }) => name === "client");
    const key = Buffer.from(caller?.signatureKey ?? []).toString("base64url");
    expect(key).not.toBe("");
    expect(textOf((await client.sendMessage(request("who"))) as Message)).toBe(`true ${key}`);
  });

  it("the SDK's own errors", async () => {
    const done = (await client.sendMessage(request("task"))) as Task;
    const nobody = { tenant: "", id: "nobody", metadata: undefined };
    const push = { taskId: done.id, tenant: "", id: "p", url: "https://example.com", token: "", authentication: undefined };
    const malformed = request("hello");
    const cases: readonly [what: string, call: () => Promise<unknown>, error: new (...args: never[]) => Error][] = [
      ["get of an unknown task", () => client.getTask(nobody), TaskNotFoundError],
      ["cancel of an unknown task", () => client.cancelTask(nobody), TaskNotFoundError],
      ["stream of an unknown task", () => client.resubscribeTask(nobody).next(), TaskNotFoundError],
      ["cancel of a task that is done", () => client.cancelTask({ ...nobody, id: done.id }), TaskNotCancelableError],
      ["stream of a task that is done", () => client.resubscribeTask({ ...nobody, id: done.id }).next(), UnsupportedOperationError],
      ["a message for an unknown task", () => client.sendMessage(request("task", { taskId: "nobody" })), TaskNotFoundError],
      [
        "a message without an id",
        () => client.sendMessage({ ...malformed, message: { ...(malformed.message as Message), messageId: "" } }),
        RequestMalformedError,
      ],
      ["push notifications", () => client.createTaskPushNotificationConfig(push), PushNotificationNotSupportedError],
    ];
    // Some are found out by the client itself, and thrown at once.
    for (const [what, call, error] of cases) await expect((async () => call())(), what).rejects.toThrow(error);
  });

  it("an agent that throws, as a failed task", async () => {
    const failed = (await client.sendMessage(request("fail"))) as Task;
    expect(failed.status?.state).toBe(TaskState.TASK_STATE_FAILED);
  });
});
