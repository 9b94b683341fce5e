import { TaskState, type Message, type StreamResponse, type Task } from "@a2a-js/sdk";
import type { Client } from "@a2a-js/sdk/client";
import {
  PushNotificationNotSupportedError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import { expect, it } from "vitest";
import { request, stateOf, textOf, type TestAgent } from "./agent.ts";

/** A client of the official SDK that is connected to an agent over a channel. */
export interface ConnectedClient {
  readonly client: Client;
  readonly agent: TestAgent;
}

/** Tests of the official client and request handler that hold for any channel. @param current called by each test */
export function officialSdkCases(current: () => ConnectedClient): void {
  it("returns the message that answers message/send", async () => {
    const { client } = current();
    expect(textOf((await client.sendMessage(request("hello"))) as Message)).toBe("echo hello");
  });

  it("returns the task that answers message/send, also from tasks/get and tasks/list", async () => {
    const { client } = current();
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

  it("continues a context with message/send", async () => {
    const { client } = current();
    const { contextId } = (await client.sendMessage(request("task"))) as Task;
    const second = (await client.sendMessage(request("task", { contextId }))) as Task;
    expect(second.contextId).toBe(contextId);
  });

  it("delivers the events of message/stream in order", async () => {
    const { client } = current();
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

  it("cancels a task whose events are being streamed", async () => {
    const { client, agent } = current();
    const events = collect(client.sendMessageStream(request("wait")));
    const id = await agent.waiting.promise;
    const cancelled = await client.cancelTask({ tenant: "", id, metadata: undefined });
    expect(cancelled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect((await events).map(stateOf)).toContain(TaskState.TASK_STATE_CANCELED);
  });

  it("delivers the remaining events of a task after its stream was left and tasks/resubscribe", async () => {
    const { client, agent } = current();
    for await (const { payload } of client.sendMessageStream(request("wait"))) if (payload?.$case === "statusUpdate") break;
    const id = await agent.waiting.promise;
    const again = client.resubscribeTask({ tenant: "", id });
    expect(stateOf((await again.next()).value as StreamResponse)).toBe(TaskState.TASK_STATE_WORKING);
    await client.cancelTask({ tenant: "", id, metadata: undefined });
    expect((await collect(again)).map(stateOf)).toContain(TaskState.TASK_STATE_CANCELED);
  });

  it("returns the right answers to 40 concurrent calls", async () => {
    const { client } = current();
    const texts = Array.from({ length: 40 }, (_, index) => `call ${index}`);
    const answers = await Promise.all(texts.map(async (text) => textOf((await client.sendMessage(request(text))) as Message)));
    expect(answers).toEqual(texts.map((text) => `echo ${text}`));
  });

  it("throws the SDK's errors", async () => {
    const { client } = current();
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
    // The client detects some of them itself, and throws synchronously.
    for (const [what, call, error] of cases) await expect((async () => call())(), what).rejects.toThrow(error);
  });

  it("reports an agent that throws as a failed task", async () => {
    const { client } = current();
    const failed = (await client.sendMessage(request("fail"))) as Task;
    expect(failed.status?.state).toBe(TaskState.TASK_STATE_FAILED);
  });
}

/** All events of a stream, once it has ended. */
export async function collect(stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const events: StreamResponse[] = [];
  for await (const event of stream) events.push(event);
  return events;
}
