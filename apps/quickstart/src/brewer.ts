import { Role, TaskState, type AgentCard, type Message, type Part } from "@a2a-js/sdk";
import { AgentEvent, type AgentExecutor, type ExecutionEventBus, type RequestContext } from "@a2a-js/sdk/server";
import { a2aChannelInterface, displayNameOf } from "@parley/envelope-and-adapters/a2a";

export const BREWER: AgentCard = {
  name: "brewer",
  description: "Makes tea",
  version: "1.0.0",
  supportedInterfaces: [a2aChannelInterface("brewer")],
  provider: undefined,
  capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false, extensions: [] },
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: ["text/plain"],
  defaultOutputModes: ["text/plain"],
  skills: [],
  signatures: [],
};

/** An A2A agent: each message starts a task of three steps. */
export class Brewer implements AgentExecutor {
  async execute({ taskId, contextId, userMessage, context }: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const status = (state: TaskState) => ({ state, message: undefined, timestamp: new Date().toISOString() });
    const task = { id: taskId, contextId, artifacts: [], history: [userMessage], metadata: undefined };
    bus.publish(AgentEvent.task({ ...task, status: status(TaskState.TASK_STATE_WORKING) }));
    for (const text of ["warming", "steeping", `a cup of ${textOf(userMessage)} for ${displayNameOf(context?.user)}`]) {
      const artifact = { artifactId: text, name: "", description: "", parts: [textPart(text)], metadata: undefined, extensions: [] };
      bus.publish(AgentEvent.artifactUpdate({ taskId, contextId, artifact, append: false, lastChunk: true, metadata: undefined }));
    }
    bus.publish(AgentEvent.statusUpdate({ taskId, contextId, status: status(TaskState.TASK_STATE_COMPLETED), metadata: undefined }));
    bus.finished();
  }

  cancelTask(): Promise<void> {
    return Promise.resolve();
  }
}

/** Creates a user message with one text part. */
export function ask(text: string): Message {
  const nothing = { contextId: "", taskId: "", metadata: undefined, extensions: [], referenceTaskIds: [] };
  return { ...nothing, messageId: crypto.randomUUID(), role: Role.ROLE_USER, parts: [textPart(text)] };
}

/** Joins the text of all parts. */
export function textOf({ parts }: { readonly parts: readonly Pick<Part, "content">[] }): string {
  return parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join(" ");
}

function textPart(value: string): Part {
  return { content: { $case: "text", value }, metadata: undefined, filename: "", mediaType: "text/plain" };
}
