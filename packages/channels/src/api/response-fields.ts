import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";

/** A member of a response is missing or has the wrong type. */
export class ResponseError extends Error {
  override readonly name: string = "ResponseError";
}

// Reads members of a response object. All functions throw ResponseError.

export function text(object: JsonObject, member: string): string {
  const value = object[member];
  return typeof value === "string" ? value : fail(member);
}

export function optionalText(object: JsonObject, member: string): string | undefined {
  return object[member] === undefined ? undefined : text(object, member);
}

/** Bytes from base64url. */
export function bytes(object: JsonObject, member: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text(object, member), "base64url"));
}

export function object(parent: JsonObject, member: string): JsonObject {
  const value = parent[member];
  return isJsonObject(value) ? value : fail(member);
}

export function list<T>(parent: JsonObject, member: string, read: (item: JsonObject) => T): T[] {
  const value = parent[member];
  if (!Array.isArray(value)) return fail(member);
  return (value as readonly JsonValue[]).map((item) => (isJsonObject(item) ? read(item) : fail(member)));
}

function fail(member: string): never {
  throw new ResponseError(`has a missing or invalid member ${member}`);
}
