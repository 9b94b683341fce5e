import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { isDeep } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes of a text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text that bytes are in UTF-8, byte order marks included; `undefined` if they are none. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Reads JSON of at most 128 levels. `undefined` if the bytes are none. Depth is limited before parsing: what reads on may recurse. */
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
 * Reads a payload that must be a JSON object.
 *
 * @throws BridgeError `message_too_large`, `message_invalid`
 */
export function readJsonObject(bytes: Uint8Array, maxBytes: number): JsonObject {
  if (bytes.length > maxBytes) throw new BridgeError("message_too_large", `The message exceeds ${maxBytes} bytes`);
  const value = readJson(bytes);
  if (!isJsonObject(value)) throw new BridgeError("message_invalid", "The message is no JSON object in UTF-8 of at most 128 levels");
  return value;
}

/** @throws BridgeError `message_too_large` */
export function writeJson(value: JsonValue, maxBytes: number): Uint8Array {
  const bytes = utf8(JSON.stringify(value));
  if (bytes.length > maxBytes) throw new BridgeError("message_too_large", `The translated message exceeds ${maxBytes} bytes`);
  return bytes;
}

/** Whether writing a value gives back the very bytes that it was read from: no spaces, no doubled members, no digits lost. */
export function isFaithful(value: JsonValue, bytes: Uint8Array): boolean {
  return Buffer.compare(utf8(JSON.stringify(value)), bytes) === 0;
}

/** How many bytes a value takes as JSON. */
export function sizeOf(value: JsonValue): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Whether a value is a text of at most so many characters. */
export function isText(value: unknown, maxLength: number): value is string {
  return typeof value === "string" && value.length <= maxLength;
}
