import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import type { UnpackLimits } from "../limits.ts";
import { decodeBase64url } from "./base64url.ts";
import { parseJsonObject } from "./json-object.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Extensions that change what the other members mean. DIDComm has none of them. */
const UNSUPPORTED = ["crit", "zip", "b64"];

/**
 * Reads a protected header: of the right type, where it names one, and without extensions.
 *
 * @param type media type without `application/`, which may be left out (RFC 7515, section 4.1.9).
 */
export function parseProtectedHeader(text: string, type: string, { maxHeaderLength, maxDepth }: UnpackLimits): JsonObject {
  if (text.length > maxHeaderLength) {
    throw new DidcommCryptoError("too_large", `The protected header is longer than ${maxHeaderLength} characters`);
  }
  const bytes = decodeBase64url(text);
  const json = bytes && decodeUtf8(bytes);
  if (json === undefined) throw new DidcommCryptoError("envelope_invalid", "The protected header is no base64url of UTF-8");
  const header = parseJsonObject(json, "The protected header", maxDepth);
  refuseMembers(header, UNSUPPORTED, "The protected header");
  const { typ } = header;
  if (typ !== undefined && !isMediaType(typ, type)) throw new DidcommCryptoError("typ_invalid", `typ must be application/${type}`);
  return header;
}

/** @throws DidcommCryptoError `header_unsupported` if an object has one of these members. */
export function refuseMembers(object: JsonObject, members: Iterable<string>, what: string): void {
  for (const member of members) {
    if (Object.hasOwn(object, member)) throw new DidcommCryptoError("header_unsupported", `${what} has ${member}`);
  }
}

function isMediaType(typ: unknown, type: string): boolean {
  if (typeof typ !== "string") return false;
  const lower = typ.toLowerCase();
  return lower === type || lower === `application/${type}`;
}
