import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { decodeBase64url } from "./base64url.ts";

/** A member that must be a string. */
export function stringOf(object: JsonObject, member: string): string {
  const value = object[member];
  if (typeof value !== "string") throw new DidcommCryptoError("envelope_invalid", `${member} is missing, or no string`);
  return value;
}

/** A member that must be base64url. */
export function bytesOf(object: JsonObject, member: string): Buffer {
  const bytes = decodeBase64url(stringOf(object, member));
  if (bytes === undefined) throw new DidcommCryptoError("envelope_invalid", `${member} is no base64url`);
  return bytes;
}

/** A member that must be base64url of so many bytes; the text's length is looked at first. */
export function exactBytesOf(object: JsonObject, member: string, length: number): Buffer {
  if (stringOf(object, member).length !== Math.ceil((length * 4) / 3)) {
    throw new DidcommCryptoError("envelope_invalid", `${member} must be ${length} bytes`);
  }
  return bytesOf(object, member);
}

/** A member that is an object, or not there. */
export function objectOf(object: JsonObject, member: string): JsonObject {
  const value = object[member];
  if (value === undefined) return {};
  if (!isJsonObject(value)) throw new DidcommCryptoError("envelope_invalid", `${member} must be an object`);
  return value;
}

/** A member that is a list of objects; `undefined` for anything else, an empty list included. */
export function objectsOf(value: JsonValue | undefined): readonly [JsonObject, ...JsonObject[]] | undefined {
  const [first, ...others]: readonly JsonValue[] = isList(value) ? value : [];
  return isJsonObject(first) && others.every(isJsonObject) ? [first, ...others] : undefined;
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
