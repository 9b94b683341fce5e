import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { isJsonArray, jsonFault } from "@parley/core/internal";
import { VcError } from "./vc-error.ts";

/** How deep a document may be nested. */
const MAX_DEPTH = 64;

/**
 * Reads a JSON object strictly: no member twice, no number beyond what a double holds, and no deeper than 64 levels. With members
 * twice, two readers of one signed text could see different documents (RFC 7515, section 4; RFC 7493, section 2.3).
 */
export function parseJsonObject(text: string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new VcError("malformed", `${what} is no JSON`, { cause: error });
  }
  if (!isJsonObject(value)) throw new VcError("malformed", `${what} is no JSON object`);
  checkTree(value, what);
  if (jsonFault(text, MAX_DEPTH) === "duplicate") throw new VcError("malformed", `${what} has a member twice`);
  return value;
}

/** A caller's object as JSON has it, so that what is checked is what is signed. */
export function asJsonObject(value: JsonObject, what: string): JsonObject {
  if (!isJsonObject(value)) throw new TypeError(`${what} must be an object`);
  const copy: unknown = JSON.parse(JSON.stringify(value));
  if (!isJsonObject(copy)) throw new TypeError(`${what} must be a plain object`);
  checkTree(copy, what);
  return copy;
}

/** The entries of a property that may have one value or a list of them; none if it is absent. */
export function entriesOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined) return [];
  return isJsonArray(value) ? value : [value];
}

/** An object without some of its members. */
export function without(object: JsonObject, members: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([member]) => !members.has(member)));
}

/** A stranger's text for an error message: not longer than 120 characters. */
export function cut(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`;
}

function checkTree(root: JsonObject, what: string): void {
  const stack: { value: JsonValue | undefined; depth: number }[] = [{ value: root, depth: 1 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, depth } = next;
    if (typeof value === "number" && !Number.isFinite(value)) throw new VcError("malformed", `${what} has a number out of range`);
    if (typeof value !== "object" || value === null) continue;
    if (depth > MAX_DEPTH) throw new VcError("too_large", `${what} is nested deeper than ${MAX_DEPTH} levels`);
    for (const member of Object.values(value as JsonObject)) stack.push({ value: member, depth: depth + 1 });
  }
}
