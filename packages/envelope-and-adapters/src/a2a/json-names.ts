import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";

/** The member names of an A2A object. */
interface Names {
  /** JSON names of members; `null` means absent. */
  readonly members: ReadonlySet<string>;
  /** Other names of members: from the proto and, for files, from the proto of A2A 0.3. */
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
 * Renames the members of a message to their JSON names, at all levels that A2A defines. As ProtoJSON requires, proto names are accepted, and
 * `null` means absent. Returns the same object if nothing changes.
 *
 * @throws AdapterError `message_invalid`: a member is present under two names
 */
export function withJsonNames(message: JsonObject): JsonObject {
  const named = renamed(message, MESSAGE);
  const { parts } = named;
  if (!Array.isArray(parts)) return named;
  const given = parts as readonly JsonValue[];
  const own = given.map((part) => (isJsonObject(part) ? partWithJsonNames(part) : part));
  return own.some((part, index) => part !== given[index]) ? { ...named, parts: own } : named;
}

/** Like {@link withJsonNames}, for a part. */
export function partWithJsonNames(part: JsonObject): JsonObject {
  const named = renamed(part, PART);
  const { data, ...others } = named;
  // `data: null` is valid content of a part, but means absent beside other content.
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
    if (result.has(name))
      throw new AdapterError("message_invalid", `"${name}" of an A2A message is present twice, also under another name`);
    result.set(name, value);
  }
  return Object.fromEntries(result);
}
