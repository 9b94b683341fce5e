import { Role, type Message, type SendMessageRequest, type Task } from "@a2a-js/sdk";
import { ClientFactory, DefaultAgentCardResolver, type Client } from "@a2a-js/sdk/client";
import type { EnvelopePort } from "@parley/envelope-and-adapters";
import { A2aChannelTransportFactory, type A2aChannelClientOptions } from "@parley/envelope-and-adapters/a2a";

/** The official client of an agent on a channel. */
export async function a2aClient(port: EnvelopePort, agent = "bridge", options: A2aChannelClientOptions = {}) {
  const transports = new A2aChannelTransportFactory(port, options);
  const cardResolver = new DefaultAgentCardResolver({ fetchImpl: transports.fetch });
  const factory = new ClientFactory({ transports: [transports], cardResolver });
  const client: Client = await factory.createFromUrl(`a2a-channel://${agent}`);
  return { client, close: () => transports.close() };
}

export function asking(text: string, more: Partial<Message> = {}): SendMessageRequest {
  const part = { content: { $case: "text", value: text }, metadata: undefined, filename: "", mediaType: "" } as const;
  const message: Message = {
    messageId: crypto.randomUUID(),
    contextId: "",
    taskId: "",
    role: Role.ROLE_USER,
    parts: [part],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...more,
  };
  return { tenant: "", message, configuration: undefined, metadata: undefined };
}

export function textOf(answer: Message | Task): string {
  if (!("parts" in answer)) throw new Error("The answer is no message");
  return answer.parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join("");
}
