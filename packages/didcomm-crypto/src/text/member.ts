import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { decodeBase64url } from "./base64url.ts";

/**
 * A member that must be a string.
 *
 * @throws DidcommCryptoError `envelope_invalid`, as the other functions of this file.
 */
export function stringOf(object: JsonObject, member: string): string {
  const value = object[member];
  if (typeof value !== "string") throw new DidcommCryptoError("envelope_invalid", `${member} is missing, or not a string`);
  return value;
}

/** A member that must be base64url. */
export function bytesOf(object: JsonObject, member: string): Buffer {
  const bytes = decodeBase64url(stringOf(object, member));
  if (bytes === undefined) throw new DidcommCryptoError("envelope_invalid", `${member} is not base64url`);
  return bytes;
}

/** A member that must be base64url of the given number of bytes. The length is checked before decoding. */
export function exactBytesOf(object: JsonObject, member: string, length: number): Buffer {
  if (stringOf(object, member).length !== Math.ceil((length * 4) / 3)) {
    throw new DidcommCryptoError("envelope_invalid", `${member} must be ${length} bytes`);
  }
  return bytesOf(object, member);
}

/** An optional member that must be an object. Empty if it is absent. */
export function objectOf(object: JsonObject, member: string): JsonObject {
  const value = object[member];
  if (value === undefined) return {};
  if (!isJsonObject(value)) throw new DidcommCryptoError("envelope_invalid", `${member} must be an object`);
  return value;
}

/** A non-empty list of objects. `undefined` for any other value. */
export function objectsOf(value: JsonValue | undefined): readonly [JsonObject, ...JsonObject[]] | undefined {
  const [first, ...others]: readonly JsonValue[] = isList(value) ? value : [];
  return isJsonObject(first) && others.every(isJsonObject) ? [first, ...others] : undefined;
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
