import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { readA2aMessage, withJsonNames, writeA2aMessage } from "@parley/envelope-and-adapters/internal";
import { isText, readJsonObject } from "../internal/json.ts";
import { BridgeError } from "../bridge-error.ts";

const MAX_ID = 512;

/** A message in the JSON form of A2A 1.0. Each part has one of `text`, `raw` (base64), `url` and `data`. */
export interface A2aMessageJson extends JsonObject {
  readonly messageId: string;
  readonly contextId: string;
  readonly taskId?: string;
  readonly role?: string;
  readonly parts: readonly JsonObject[];
  readonly metadata?: JsonObject;
}

/** A message of a context in its original form and in that of A2A 1.0. */
export interface ReadA2aMessage {
  readonly json: JsonObject;
  readonly message: A2aMessageJson;
}

/** Whether an envelope belongs to a call between an official client and an agent. */
export function isA2aCall({ metadata }: Envelope): boolean {
  const a2a = metadata?.["a2a"];
  return isJsonObject(a2a) && "call" in a2a;
}

/**
 * Reads a message of any A2A version.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 */
export function readA2a(payload: Uint8Array, maxBytes: number): ReadA2aMessage {
  const given = readJsonObject(payload, maxBytes);
  try {
    const json = withJsonNames(given);
    return { json, message: normalizeA2a(json) };
  } catch (error) {
    throw BridgeError.ofMessage(error);
  }
}

/**
 * Converts a message of any A2A version to A2A 1.0.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 */
export function normalizeA2a(json: JsonObject): A2aMessageJson {
  try {
    const message = withoutUndefined(writeA2aMessage(readA2aMessage(json))) as A2aMessageJson;
    if (![message.messageId, message.contextId, message.taskId ?? ""].every((id) => isText(id, MAX_ID))) {
      throw new BridgeError("message_too_large", `An id of an A2A message has more than ${MAX_ID} characters`);
    }
    return message;
  } catch (error) {
    throw BridgeError.ofMessage(error);
  }
}

/** Whether a message was sent by an agent, such as an answer, rather than by a user. */
export function isFromAgent({ role }: A2aMessageJson): boolean {
  return role === "ROLE_AGENT";
}

/** The texts of a message's text parts. */
export function textsOf({ parts }: A2aMessageJson): readonly string[] {
  return parts.map(({ text }) => text).filter((text) => typeof text === "string");
}

/** Removes members that are `undefined` from a message and its parts. */
function withoutUndefined(value: JsonObject): JsonObject {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.map(([name, member]) => [
      name,
      name === "parts" ? (member as readonly JsonObject[]).map(withoutUndefined) : (member as JsonValue),
    ]),
  );
}
