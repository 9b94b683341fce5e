import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";

/** The members of an object, as A2A's JSON names them. */
interface Names {
  /** Those that are absent if they are `null`. */
  readonly members: ReadonlySet<string>;
  /** Other names of members: those of the proto and, for files, of the proto of 0.3. */
  readonly aliases: ReadonlyMap<string, string>;
}

const MESSAGE: Names = {
  members: new Set(["messageId", "contextId", "taskId", "role", "parts", "metadata", "extensions", "referenceTaskIds"]),
  aliases: new Map([
    ["message_id", "messageId"],
    ["context_id", "contextId"],
    ["task_id", "taskId"],
    ["reference_task_ids", "referenceTaskIds"],
  ]),
};
const PART: Names = {
  members: new Set(["text", "raw", "url", "file", "metadata", "filename", "mediaType"]),
  aliases: new Map([["media_type", "mediaType"]]),
};
const FILE: Names = {
  members: new Set(["name", "mimeType", "bytes", "uri"]),
  aliases: new Map([
    ["mime_type", "mimeType"],
    ["file_with_uri", "uri"],
    ["fileWithUri", "uri"],
    ["file_with_bytes", "bytes"],
    ["fileWithBytes", "bytes"],
  ]),
};

/**
 * A message whose members, at every depth that A2A defines, have their JSON names: readers of ProtoJSON take the proto's names too, and `null`
 * for an absent member. The same object, if it has them already.
 *
 * @throws AdapterError `message_invalid`: a member is there under both of its names.
 */
export function withJsonNames(message: JsonObject): JsonObject {
  const named = renamed(message, MESSAGE);
  const { parts } = named;
  if (!Array.isArray(parts)) return named;
  const given = parts as readonly JsonValue[];
  const own = given.map((part) => (isJsonObject(part) ? partWithJsonNames(part) : part));
  return own.some((part, index) => part !== given[index]) ? { ...named, parts: own } : named;
}

/** As {@link withJsonNames}, for a part. */
export function partWithJsonNames(part: JsonObject): JsonObject {
  const named = renamed(part, PART);
  const { data, ...others } = named;
  // A part may hold null as its data, but not beside something else.
  const own = data === null && ["text", "raw", "url", "file"].some((name) => named[name] !== undefined) ? others : named;
  const { file } = own;
  if (!isJsonObject(file)) return own;
  const ownFile = renamed(file, FILE);
  return ownFile === file ? own : { ...own, file: ownFile };
}

function renamed(object: JsonObject, { members, aliases }: Names): JsonObject {
  const entries = Object.entries(object);
  if (entries.every(([name, value]) => !aliases.has(name) && (value !== null || !members.has(name)))) return object;
  const result = new Map<string, JsonValue | undefined>();
  for (const [given, value] of entries) {
    const name = aliases.get(given) ?? given;
    if (value === null && members.has(name)) continue;
    if (result.has(name)) throw new AdapterError("message_invalid", `"${name}" of an A2A message is given twice, also under another name`);
    result.set(name, value);
  }
  return Object.fromEntries(result);
}
