import { isJsonObject, type JsonObject } from "@parley/core";
import { AdapterError } from "../adapter-error.ts";

const MAX_DEPTH = 128;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a payload that must be a JSON object.
 *
 * @throws AdapterError `message_too_large`, `message_invalid`.
 */
export function readJsonPayload(payload: Uint8Array, maxBytes: number): JsonObject {
  if (payload.length > maxBytes) throw tooLarge(payload.length, maxBytes);
  if (isDeep(payload)) throw new AdapterError("message_invalid", `The message is nested deeper than ${MAX_DEPTH} levels`);
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(payload));
  } catch (cause) {
    throw new AdapterError("message_invalid", "The message is not JSON in UTF-8", { cause });
  }
  if (!isJsonObject(value)) throw new AdapterError("message_invalid", "The message is not a JSON object");
  return value;
}

/**
 * Writes a value as a JSON payload.
 *
 * @throws AdapterError `message_too_large`.
 * @throws TypeError the value can't be written as JSON.
 */
export function writeJsonPayload(value: object, maxBytes: number): Uint8Array {
  const payload = encoder.encode(JSON.stringify(value));
  if (payload.length > maxBytes) throw tooLarge(payload.length, maxBytes);
  return payload;
}

/** Bytes of a value as JSON; `undefined` if it can't be written as JSON. */
export function sizeOfJson(value: object): number | undefined {
  try {
    return encoder.encode(JSON.stringify(value)).length;
  } catch {
    return undefined;
  }
}

/** The error for a message that exceeds a limit. */
export function tooLarge(bytes: number, limit: number): AdapterError {
  return new AdapterError("message_too_large", `The message is too large: ${bytes} bytes, limit ${limit}`, { limit, bytes });
}

/**
 * Whether JSON is nested deeper than 128 levels. Checked before parsing, because readers of the value can be recursive. Works on bytes,
 * because UTF-8 encodes non-ASCII characters without ASCII bytes.
 */
export function isDeep(text: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at] ?? 0;
    if (inString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
    } else if (OPEN.has(byte)) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (CLOSE.has(byte)) {
      depth -= 1;
    }
  }
  return false;
}
