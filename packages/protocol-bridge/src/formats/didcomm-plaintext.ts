import { decodePlaintext, isJsonObject, protocolOf, type JsonObject } from "@parley/core";
import { BridgeError } from "../bridge-error.ts";
import { readJsonObject } from "../internal/json.ts";

/** Content type of a payload that is a DIDComm message in the clear. */
export const DIDCOMM_JSON = "application/didcomm-plain+json";

/** The message type for texts between people and agents. */
export const BASIC_MESSAGE = "https://didcomm.org/basicmessage/2.0/message";

/**
 * Reads a DIDComm plaintext, every member checked, but gives the JSON as it came.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 */
export function readDidcomm(payload: Uint8Array, maxBytes: number): JsonObject {
  const json = readJsonObject(payload, maxBytes);
  checkDidcomm(json);
  return json;
}

/** @throws BridgeError `message_invalid`, `message_too_large` */
export function checkDidcomm(json: JsonObject): void {
  try {
    const { message, attachmentFaults } = decodePlaintext(json);
    const [fault] = attachmentFaults;
    if (fault !== undefined) throw fault;
    if (protocolOf(message.type) === undefined)
      throw new BridgeError("message_invalid", "The type of a DIDComm message is no message-type URI");
  } catch (error) {
    throw BridgeError.ofMessage(error);
  }
}

/** The text of a basic message. */
export function basicText({ type, body }: JsonObject): string | undefined {
  if (type !== BASIC_MESSAGE || !isJsonObject(body)) return undefined;
  return typeof body["content"] === "string" ? body["content"] : undefined;
}

/** The same basic message with another text. */
export function withBasicText(json: JsonObject, content: string): JsonObject {
  const { body } = json;
  return { ...json, body: { ...(isJsonObject(body) && body), content } };
}

/** The attachments of a message that was checked. */
export function attachmentsOf({ attachments }: JsonObject): readonly JsonObject[] {
  return (attachments ?? []) as readonly JsonObject[];
}
