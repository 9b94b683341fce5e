import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import type { Envelope } from "@parley/envelope-and-adapters";
import { readA2aMessage, withJsonNames, writeA2aMessage } from "@parley/envelope-and-adapters/internal";
import { isText, readJsonObject } from "../internal/json.ts";
import { BridgeError } from "../bridge-error.ts";

const MAX_ID = 512;

/** A message as A2A 1.0 has it on the wire. Each part has one of `text`, `raw` (base64), `url` and `data`. */
export interface A2aMessageJson extends JsonObject {
  readonly messageId: string;
  readonly contextId: string;
  readonly taskId?: string;
  readonly role?: string;
  readonly parts: readonly JsonObject[];
  readonly metadata?: JsonObject;
}

/** A message of a context, as it came and in the form of A2A 1.0. */
export interface ReadA2aMessage {
  readonly json: JsonObject;
  readonly message: A2aMessageJson;
}

/** Whether an envelope belongs to a call between an official client and an agent. Those concern nobody else. */
export function isA2aCall({ metadata }: Envelope): boolean {
  const a2a = metadata?.["a2a"];
  return isJsonObject(a2a) && "call" in a2a;
}

/**
 * Reads a message of any version of A2A.
 *
 * @throws BridgeError `message_invalid`, `message_too_large`
 */
export function readA2a(payload: Uint8Array, maxBytes: number): ReadA2aMessage {
  const given = readJsonObject(payload, maxBytes);
  try {
    const json = withJsonNames(given);
    return { json, message: normalA2a(json) };
  } catch (error) {
    throw BridgeError.ofMessage(error);
  }
}

/** The form of A2A 1.0 of a message in any form. @throws BridgeError `message_invalid`, `message_too_large` */
export function normalA2a(json: JsonObject): A2aMessageJson {
  try {
    const message = dense(writeA2aMessage(readA2aMessage(json))) as A2aMessageJson;
    if (![message.messageId, message.contextId, message.taskId ?? ""].every((id) => isText(id, MAX_ID))) {
      throw new BridgeError("message_too_large", `An id of an A2A message has more than ${MAX_ID} characters`);
    }
    return message;
  } catch (error) {
    throw BridgeError.ofMessage(error);
  }
}

/** Whether a message is an agent's answer, rather than something that is asked of agents. */
export function isAgents({ role }: A2aMessageJson): boolean {
  return role === "ROLE_AGENT";
}

/** The texts of a message's text parts. */
export function textsOf({ parts }: A2aMessageJson): readonly string[] {
  return parts.map(({ text }) => text).filter((text) => typeof text === "string");
}

/** Without members that are `undefined`, at the levels that A2A has. */
function dense(value: JsonObject): JsonObject {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.map(([name, member]) => [name, name === "parts" ? (member as readonly JsonObject[]).map(dense) : (member as JsonValue)]),
  );
}
