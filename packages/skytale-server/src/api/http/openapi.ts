import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";

/** Marks optional bodies as optional: the generated description would require all of them. */
export function withOptionalBodies(document: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(document), (key, value: JsonValue) =>
    key === "requestBody" && isJsonObject(value) && mayBeNull(value) ? { ...value, required: false } : value,
  ) as JsonObject;
}

function mayBeNull({ content }: JsonObject): boolean {
  const json = isJsonObject(content) ? content["application/json"] : undefined;
  const schema = isJsonObject(json) ? json["schema"] : undefined;
  const choices = isJsonObject(schema) ? schema["anyOf"] : undefined;
  return Array.isArray(choices) && choices.some((choice) => isJsonObject(choice) && choice["type"] === "null");
}
