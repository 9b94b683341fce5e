import { setTimeout as sleep } from "node:timers/promises";
import { Role, TaskState } from "@a2a-js/sdk";
import { AgentEvent, type AgentExecutor, type ExecutionEventBus, type RequestContext } from "@a2a-js/sdk/server";
import { displayNameOf } from "@parley/envelope-and-adapters/a2a";
import { textMessage, textOf, textPart } from "./messages.ts";

const STEP_MS = 100;

interface Place {
  readonly taskId: string;
  readonly contextId: string;
}

/** An ordinary A2A agent. Only the names of its callers come from the channel. "count to 5" starts a task; other messages get a direct reply. */
export class Counter implements AgentExecutor {
  readonly #running = new Map<string, { readonly contextId: string; readonly stop: AbortController }>();

  async execute({ taskId, contextId, userMessage, context }: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const last = /^count to (\d{1,4})$/.exec(textOf(userMessage))?.[1];
    if (last === undefined) {
      const greeting = `Hello ${displayNameOf(context?.user)}. Say "count to 5", or another number.`;
      bus.publish(AgentEvent.message(textMessage(Role.ROLE_AGENT, greeting, contextId)));
    } else {
      const status = statusOf(TaskState.TASK_STATE_SUBMITTED);
      bus.publish(AgentEvent.task({ id: taskId, contextId, status, artifacts: [], history: [userMessage], metadata: undefined }));
      await this.#count(Number(last), { taskId, contextId }, bus);
    }
    bus.finished();
  }

  cancelTask(taskId: string, bus: ExecutionEventBus): Promise<void> {
    const task = this.#running.get(taskId);
    task?.stop.abort();
    if (task !== undefined) publishState({ taskId, contextId: task.contextId }, TaskState.TASK_STATE_CANCELED, bus);
    return Promise.resolve();
  }

  async #count(last: number, place: Place, bus: ExecutionEventBus): Promise<void> {
    const stop = new AbortController();
    this.#running.set(place.taskId, { contextId: place.contextId, stop });
    publishState(place, TaskState.TASK_STATE_WORKING, bus);
    try {
      for (let number = 1; number <= last; number += 1) {
        await sleep(STEP_MS, undefined, { signal: stop.signal });
        publishNumber(place, number, last, bus);
      }
      publishState(place, TaskState.TASK_STATE_COMPLETED, bus);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      this.#running.delete(place.taskId);
    }
  }
}

function statusOf(state: TaskState) {
  return { state, message: undefined, timestamp: new Date().toISOString() };
}

function publishState(place: Place, state: TaskState, bus: ExecutionEventBus): void {
  bus.publish(AgentEvent.statusUpdate({ ...place, status: statusOf(state), metadata: undefined }));
}

function publishNumber(place: Place, number: number, last: number, bus: ExecutionEventBus): void {
  const artifact = {
    artifactId: "numbers",
    name: "numbers",
    description: "",
    parts: [textPart(String(number))],
    metadata: undefined,
    extensions: [],
  };
  bus.publish(AgentEvent.artifactUpdate({ ...place, artifact, append: number > 1, lastChunk: number === last, metadata: undefined }));
}
