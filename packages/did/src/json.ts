import type { JsonValue } from "@parley/core";

/** Whether a parsed JSON value is an array. */
export function isJsonArray(value: unknown): value is readonly JsonValue[] {
  return Array.isArray(value);
}
