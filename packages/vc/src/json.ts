import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { isJsonArray, parseJsonObject as parseStrictly } from "@parley/core/eager";
import { VcError } from "./vc-error.ts";

/** Most levels of nesting in a document. */
const MAX_DEPTH = 64;
/** Most characters of a peer's text that an error message quotes. */
const MAX_QUOTE = 120;

/**
 * Parses a JSON object received from a peer: no duplicate members, no number beyond the range of a double, at most 64 levels of nesting.
 *
 * @throws VcError `malformed`, `too_large`
 */
export function parseJsonObject(text: string, name: string): JsonObject {
  const value = parseStrictly(text, {
    name,
    maxDepth: MAX_DEPTH,
    createError: (fault, message) => new VcError(fault === "deep" ? "too_large" : "malformed", message),
  });
  if (hasInfinity(value)) throw new VcError("malformed", `${name} has a number out of range`);
  return value;
}

/**
 * Converts the caller's object to what JSON makes of it, so that exactly the checked document is signed.
 *
 * @throws TypeError if it is not an object.
 * @throws VcError `too_large`
 */
export function toJsonObject(value: JsonObject, name: string): JsonObject {
  if (!isJsonObject(value)) throw new TypeError(`${name} must be an object`);
  const text = JSON.stringify(value) as string | undefined;
  if (text?.startsWith("{") !== true) throw new TypeError(`${name} must be a plain object`);
  return parseJsonObject(text, name);
}

/** The entries of a property that may have one value or a list of them. Empty if the property is absent. */
export function entriesOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined) return [];
  return isJsonArray(value) ? value : [value];
}

/** A copy of an object without some of its members. */
export function without(object: JsonObject, members: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([member]) => !members.has(member)));
}

/** Shortens a peer's text for an error message. */
export function truncate(text: string): string {
  return text.length <= MAX_QUOTE ? text : `${text.slice(0, MAX_QUOTE - 1)}…`;
}

/** Recursive: the depth was limited before. */
function hasInfinity(value: JsonValue | undefined): boolean {
  if (typeof value === "number") return !Number.isFinite(value);
  return typeof value === "object" && value !== null && Object.values(value as JsonObject).some(hasInfinity);
}
