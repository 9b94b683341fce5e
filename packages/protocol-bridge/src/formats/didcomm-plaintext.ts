import { decodePlaintext, isJsonObject, protocolOf, type JsonObject } from "@parley/core";
import { BridgeError } from "../bridge-error.ts";
import { readJsonObject } from "../internal/json.ts";

/** Content type of a DIDComm plaintext message. */
export const DIDCOMM_JSON = "application/didcomm-plain+json";

/** Message type of a DIDComm basic message, which contains a text. */
export const BASIC_MESSAGE = "https://didcomm.org/basicmessage/2.0/message";

/**
 * Reads a DIDComm plaintext message and validates all members. Returns the original JSON.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 */
export function readDidcomm(payload: Uint8Array, maxBytes: number): JsonObject {
  const json = readJsonObject(payload, maxBytes);
  checkDidcomm(json);
  return json;
}

/**
 * Validates a DIDComm plaintext message, including its attachments.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 */
export function checkDidcomm(json: JsonObject): void {
  try {
    const { message, attachmentFaults } = decodePlaintext(json);
    const [fault] = attachmentFaults;
    if (fault !== undefined) throw fault;
    if (protocolOf(message.type) === undefined)
      throw new BridgeError("message_invalid", "The type of a DIDComm message is not a message-type URI");
  } catch (error) {
    throw BridgeError.ofMessage(error);
  }
}

/** The text of a basic message; `undefined` for other message types. */
export function basicText({ type, body }: JsonObject): string | undefined {
  if (type !== BASIC_MESSAGE || !isJsonObject(body)) return undefined;
  return typeof body["content"] === "string" ? body["content"] : undefined;
}

/** Replaces the text of a basic message. */
export function withBasicText(json: JsonObject, content: string): JsonObject {
  const { body } = json;
  return { ...json, body: { ...(isJsonObject(body) && body), content } };
}

/** The attachments of a message that has been validated. */
export function attachmentsOf({ attachments }: JsonObject): readonly JsonObject[] {
  return (attachments ?? []) as readonly JsonObject[];
}
