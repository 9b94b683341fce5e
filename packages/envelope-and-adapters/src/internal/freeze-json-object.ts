import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";

const MAX_DEPTH = 32;

/**
 * Copies and deeply freezes a JSON object, without members that are `undefined`.
 *
 * @throws TypeError a value can't be represented as JSON without loss, or is nested deeper than 32 levels
 */
export function freezeJsonObject(value: unknown, what: string): JsonObject {
  if (!isJsonObject(value) || !isPlain(value)) throw new TypeError(`${what} must be a JSON object`);
  return freezeObject(value, what, 1);
}

function freezeObject(object: JsonObject, what: string, depth: number): JsonObject {
  const members = Object.entries(object).filter(([, member]) => member !== undefined);
  // Object.fromEntries also supports a member named `__proto__`.
  return Object.freeze(Object.fromEntries(members.map(([name, member]) => [name, freeze(member, what, depth)])));
}

function freeze(value: unknown, what: string, depth: number): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (depth >= MAX_DEPTH) throw new TypeError(`${what} must not be nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return Object.freeze(Array.from(value as readonly unknown[], (item) => freeze(item, what, depth + 1)));
  if (isJsonObject(value) && isPlain(value)) return freezeObject(value, what, depth + 1);
  throw new TypeError(`${what} must contain JSON values only`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}
