import type { Message, Part, Role } from "@a2a-js/sdk";

/** Creates a message with one text part. */
export function textMessage(role: Role, text: string, contextId = ""): Message {
  return {
    messageId: crypto.randomUUID(),
    contextId,
    taskId: "",
    role,
    parts: [textPart(text)],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  };
}

export function textPart(value: string): Part {
  return { content: { $case: "text", value }, metadata: undefined, filename: "", mediaType: "text/plain" };
}

/** Joins the text of all parts. */
export function textOf({ parts }: { readonly parts: readonly Part[] }): string {
  return parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join(" ");
}
