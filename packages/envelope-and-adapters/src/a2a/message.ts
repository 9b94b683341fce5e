import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import type { Message, Role } from "@a2a-js/sdk";
import { AdapterError } from "../adapter-error.ts";
import { withJsonNames } from "./json-names.ts";
import { readPart, writePart } from "./part.ts";

const MAX_PARTS = 1024;

/** The numbers are the SDK's enum values, which ProtoJSON allows too. The short names are from A2A 0.3. */
const ROLES = new Map<unknown, number>([
  [1, 1],
  ["ROLE_USER", 1],
  ["user", 1],
  [2, 2],
  ["ROLE_AGENT", 2],
  ["agent", 2],
]);
const ROLE_NAMES = ["ROLE_UNSPECIFIED", "ROLE_USER", "ROLE_AGENT"];

/**
 * Reads JSON of any A2A version as the official SDK's `Message`. Members can have their JSON or proto names (`message_id`). Messages of the SDK
 * are accepted too.
 *
 * @throws AdapterError `message_invalid`: a member has the wrong type, or a required one is missing (`messageId`, `role`, `parts`)
 * @throws AdapterError `message_too_large`: more than 1024 parts
 */
export function readMessage(json: JsonObject | Message): Message {
  if (!isJsonObject(json)) throw new AdapterError("message_invalid", "An A2A message must be an object");
  const named = withJsonNames(json);
  const { messageId, parts, metadata, role } = named;
  if (typeof messageId !== "string" || messageId === "") throw invalid("messageId");
  if (!Array.isArray(parts)) throw invalid("parts");
  if (parts.length > MAX_PARTS) throw new AdapterError("message_too_large", `An A2A message has ${parts.length} parts, limit ${MAX_PARTS}`);
  if (metadata !== undefined && !isJsonObject(metadata)) throw invalid("metadata");
  return {
    messageId,
    contextId: text(named, "contextId"),
    taskId: text(named, "taskId"),
    role: readRole(role),
    parts: parts.map(readPart),
    metadata,
    extensions: texts(named, "extensions"),
    referenceTaskIds: texts(named, "referenceTaskIds"),
  };
}

/** Converts a message of the official SDK to the JSON of A2A 1.0. */
export function writeMessage(message: Message): JsonObject {
  const { messageId, contextId, taskId, role, parts, metadata, extensions, referenceTaskIds } = message;
  return {
    messageId,
    contextId,
    taskId: taskId === "" ? undefined : taskId,
    role: ROLE_NAMES[role],
    parts: parts.map(writePart),
    metadata,
    extensions: extensions.length === 0 ? undefined : extensions,
    referenceTaskIds: referenceTaskIds.length === 0 ? undefined : referenceTaskIds,
  };
}

/**
 * Reads a role, in any form, as the SDK's enum value.
 *
 * @throws AdapterError `message_invalid`
 */
function readRole(name: unknown): Role {
  const number: unknown = ROLES.get(name);
  if (number === undefined) throw new AdapterError("message_invalid", `"role" of an A2A message must be "user" or "agent"`);
  return number as Role;
}

function text(json: JsonObject, name: string): string {
  const value = json[name] ?? "";
  if (typeof value !== "string") throw invalid(name);
  return value;
}

function texts(json: JsonObject, name: string): string[] {
  const value: JsonValue | undefined = json[name];
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((item): item is string => typeof item === "string")) throw invalid(name);
  return value;
}

function invalid(member: string): AdapterError {
  return new AdapterError("message_invalid", `"${member}" of an A2A message is missing or has the wrong type`);
}
