import { AdminError } from "@parley/admin";
import { isJsonObject, type JsonObject } from "@parley/core";

/** The body of a message, as the page sends it. Empty: `{}`. @throws AdminError `malformed_request` */
export function readBody(text: string): JsonObject {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AdminError(400, "malformed_request", `the body is not JSON: ${error instanceof Error ? error.message : ""}`);
  }
  if (!isJsonObject(value)) throw new AdminError(400, "malformed_request", "the body must be a JSON object");
  return value;
}
