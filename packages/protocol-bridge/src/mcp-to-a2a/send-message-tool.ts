import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { normalizeA2a } from "../formats/a2a-message.ts";
import { BridgeError } from "../bridge-error.ts";

export const SEND_MESSAGE = "send_message";

/** The only entry of `tools/list`. */
export const SEND_MESSAGE_TOOL: JsonObject = {
  name: SEND_MESSAGE,
  title: "Send a message to the agents",
  description: "Sends a message to the A2A agents on the other side of this bridge and returns their answer.",
  inputSchema: {
    type: "object",
    properties: {
      text: { type: "string", description: "Text of the message. Alternative to parts." },
      parts: { type: "array", items: { type: "object" }, description: 'Parts of an A2A message, such as {"text": "…"} or {"data": {…}}.' },
      contextId: {
        type: "string",
        description: "The conversation that the message belongs to. Default: the conversation of this session.",
      },
    },
  },
};

/** The arguments of the tool. */
export interface SendMessage {
  readonly parts: readonly JsonObject[];
  readonly contextId: string | undefined;
}

/**
 * Reads the arguments of the tool.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 */
export function readSendMessage(value: JsonValue | undefined): SendMessage {
  const { text, parts, contextId } = isJsonObject(value) ? value : {};
  if ((text === undefined) === (parts === undefined)) throw invalid("Set either text or parts");
  if (text !== undefined && typeof text !== "string") throw invalid("text must be a string");
  if (contextId !== undefined && (typeof contextId !== "string" || contextId === "")) throw invalid("contextId must be a non-empty string");
  // Validates the parts. The bridge sets its own message id later.
  const message = normalizeA2a({ messageId: "call", role: "ROLE_USER", parts: parts ?? [{ text }], contextId });
  return { parts: message.parts, contextId };
}

function invalid(reason: string): BridgeError {
  return new BridgeError("message_invalid", reason);
}
