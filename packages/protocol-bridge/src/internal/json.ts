import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { isDeep } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Encodes a text as UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Decodes UTF-8 and keeps byte order marks. Returns `undefined` if the bytes are invalid. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Reads JSON of at most 128 levels. Returns `undefined` if the bytes are invalid. The depth is limited because callers process the value recursively. */
export function readJson(bytes: Uint8Array): JsonValue | undefined {
  const text = isDeep(bytes) ? undefined : textOf(bytes);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/**
 * Reads a payload that must be a JSON object of at most 128 levels.
 *
 * @throws BridgeError `message_too_large`, `message_invalid`
 */
export function readJsonObject(bytes: Uint8Array, maxBytes: number): JsonObject {
  if (bytes.length > maxBytes)
    throw new BridgeError("message_too_large", `The message is too large: ${bytes.length} bytes, limit ${maxBytes}`);
  const value = readJson(bytes);
  if (!isJsonObject(value)) throw new BridgeError("message_invalid", "The message must be a JSON object in UTF-8 with at most 128 levels");
  return value;
}

/**
 * Writes a translated message.
 *
 * @throws BridgeError `message_too_large`
 */
export function writeJson(value: JsonValue, maxBytes: number): Uint8Array {
  const bytes = utf8(JSON.stringify(value));
  if (bytes.length > maxBytes)
    throw new BridgeError("message_too_large", `The translated message is too large: ${bytes.length} bytes, limit ${maxBytes}`);
  return bytes;
}

/** Whether serializing a value yields exactly the bytes that it was parsed from: no whitespace, duplicate members or lost digits. */
export function isFaithful(value: JsonValue, bytes: Uint8Array): boolean {
  return Buffer.compare(utf8(JSON.stringify(value)), bytes) === 0;
}

/** Bytes of a value as JSON. */
export function sizeOf(value: JsonValue): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Whether a value is a string of at most `maxLength` characters. */
export function isText(value: unknown, maxLength: number): value is string {
  return typeof value === "string" && value.length <= maxLength;
}
