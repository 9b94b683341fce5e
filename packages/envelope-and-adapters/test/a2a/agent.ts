import { deferred } from "@parley/core/internal";
import { Role, TaskState, type AgentCard, type Message, type Part, type SendMessageRequest, type StreamResponse } from "@a2a-js/sdk";
import {
  AgentEvent,
  DefaultRequestHandler,
  InMemoryTaskStore,
  type AgentExecutor,
  type ExecutionEventBus,
  type RequestContext,
} from "@a2a-js/sdk/server";
import { a2aChannelInterface } from "../../src/a2a/index.ts";

export const EXTENSIONS = ["https://example.com/a", "https://example.com/b"];

export function testCard(agentId: string): AgentCard {
  return {
    name: agentId,
    description: "An agent for tests",
    supportedInterfaces: [a2aChannelInterface(agentId)],
    provider: undefined,
    version: "1.0.0",
    capabilities: {
      streaming: true,
      pushNotifications: false,
      extendedAgentCard: false,
      extensions: EXTENSIONS.map((uri) => ({ uri, description: "", required: false, params: undefined })),
    },
    securitySchemes: {},
    securityRequirements: [],
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [],
    signatures: [],
  };
}

function textPart(value: string): Part {
  return { content: { $case: "text", value }, metadata: undefined, filename: "", mediaType: "" };
}

export function request(text: string, ids: Partial<Pick<Message, "contextId" | "taskId">> = {}): SendMessageRequest {
  const message: Message = { ...blank(Role.ROLE_USER), parts: [textPart(text)], ...ids };
  return { tenant: "", message, configuration: undefined, metadata: undefined };
}

function blank(role: Role): Message {
  return {
    messageId: crypto.randomUUID(),
    contextId: "",
    taskId: "",
    role,
    parts: [],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  };
}

export function textOf({ parts }: { readonly parts: readonly Pick<Part, "content">[] }): string {
  return parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join("");
}

export function stateOf({ payload }: StreamResponse): TaskState | undefined {
  return payload?.$case === "task" || payload?.$case === "statusUpdate" ? payload.value.status?.state : undefined;
}

/**
 * An agent whose answer depends on the text: `task` completes a task, `slow` completes one when released, `wait` starts one that runs until it is
 * cancelled, `fail` throws, `hold` answers when released, `who` returns the caller, and any other text is echoed.
 */
export class TestAgent implements AgentExecutor {
  readonly handler: DefaultRequestHandler;
  readonly heard: string[] = [];
  /** Resolves once a call is held. */
  readonly holding = deferred<void>();
  /** Continues held calls. */
  readonly go = deferred<void>();
  /** Resolves with the id of a task once it waits for cancellation or is held. */
  readonly waiting = deferred<string>();
  #cancelled = deferred<void>();

  constructor(card: AgentCard) {
    this.handler = new DefaultRequestHandler(card, new InMemoryTaskStore(), this);
  }

  async execute(context: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const text = textOf(context.userMessage);
    this.heard.push(text);
    if (text === "hold") {
      this.waiting.resolve(context.taskId);
      this.holding.resolve();
      await this.go.promise;
    }
    if (text === "fail") throw new Error("the agent broke");
    if (text === "task" || text === "slow" || text === "wait") await this.#work(text, context, bus);
    else
      bus.publish(
        AgentEvent.message({ ...blank(Role.ROLE_AGENT), contextId: context.contextId, parts: [textPart(this.#echo(text, context))] }),
      );
    bus.finished();
  }

  async cancelTask(taskId: string, bus: ExecutionEventBus): Promise<void> {
    bus.publish(AgentEvent.statusUpdate(status(taskId, "", TaskState.TASK_STATE_CANCELED)));
    this.#cancelled.resolve();
  }

  #echo(text: string, { context }: RequestContext): string {
    if (text === "extend") {
      for (const uri of EXTENSIONS.slice(1)) context?.addActivatedExtension(uri);
      return [...(context?.requestedExtensions ?? [])].join();
    }
    return text === "who" ? `${context?.user?.isAuthenticated} ${context?.user?.userName}` : `echo ${text}`;
  }

  async #work(kind: "task" | "slow" | "wait", { taskId, contextId, userMessage }: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const { status: submitted } = status(taskId, contextId, TaskState.TASK_STATE_SUBMITTED);
    bus.publish(AgentEvent.task({ id: taskId, contextId, status: submitted, artifacts: [], history: [userMessage], metadata: undefined }));
    bus.publish(AgentEvent.statusUpdate(status(taskId, contextId, TaskState.TASK_STATE_WORKING)));
    if (kind === "wait") {
      this.waiting.resolve(taskId);
      await this.#cancelled.promise;
      return;
    }
    if (kind === "slow") {
      this.waiting.resolve(taskId);
      await this.go.promise;
    }
    for (const value of ["one", "two", "three"]) {
      bus.publish(
        AgentEvent.artifactUpdate({
          taskId,
          contextId,
          artifact: { artifactId: value, name: value, description: "", parts: [textPart(value)], metadata: undefined, extensions: [] },
          append: false,
          lastChunk: true,
          metadata: undefined,
        }),
      );
    }
    bus.publish(AgentEvent.statusUpdate(status(taskId, contextId, TaskState.TASK_STATE_COMPLETED)));
  }
}

function status(taskId: string, contextId: string, state: TaskState) {
  return { taskId, contextId, status: { state, message: undefined, timestamp: new Date().toISOString() }, metadata: undefined };
}
