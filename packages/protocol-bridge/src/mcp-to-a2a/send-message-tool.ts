import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { normalA2a } from "../formats/a2a-message.ts";
import { BridgeError } from "../bridge-error.ts";

export const SEND_MESSAGE = "send_message";

/** What `tools/list` says of the only tool. */
export const SEND_MESSAGE_TOOL: JsonObject = {
  name: SEND_MESSAGE,
  title: "Send a message to the agents",
  description: "Sends a message to the A2A agents on the other side of this bridge and gives their answer.",
  inputSchema: {
    type: "object",
    properties: {
      text: { type: "string", description: "What to say. Or give parts." },
      parts: { type: "array", items: { type: "object" }, description: 'Parts of an A2A message, such as {"text": "…"} or {"data": {…}}.' },
      contextId: { type: "string", description: "The conversation that the message belongs to. Default: that of this session." },
    },
  },
};

/** What a call of the tool asks for. */
export interface SendMessage {
  readonly parts: readonly JsonObject[];
  readonly contextId: string | undefined;
}

/** @throws BridgeError `message_invalid`, `message_too_large` */
export function readSendMessage(value: JsonValue | undefined): SendMessage {
  const { text, parts, contextId } = isJsonObject(value) ? value : {};
  if ((text === undefined) === (parts === undefined)) throw invalid("Give text or parts");
  if (text !== undefined && typeof text !== "string") throw invalid("text must be a string");
  if (contextId !== undefined && (typeof contextId !== "string" || contextId === "")) throw invalid("contextId must be a string");
  // What the message is called, and whose it is, is for the bridge to say.
  const message = normalA2a({ messageId: "call", role: "ROLE_USER", parts: parts ?? [{ text }], contextId });
  return { parts: message.parts, contextId };
}

function invalid(what: string): BridgeError {
  return new BridgeError("message_invalid", what);
}
