import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import type { UnpackLimits } from "../unpack-limits.ts";
import { decodeBase64url } from "./base64url.ts";
import { parseJsonObject } from "./json-object.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Extensions that change the meaning of other members. DIDComm uses none of them. */
const UNSUPPORTED = ["crit", "zip", "b64"];

/**
 * Parses a protected header. It must not have extensions, and its `typ`, if present, must be the given type.
 *
 * @param type media type without `application/`, which is optional in `typ` (RFC 7515, section 4.1.9).
 * @throws DidcommCryptoError
 */
export function parseProtectedHeader(text: string, type: string, { maxHeaderLength, maxDepth }: UnpackLimits): JsonObject {
  if (text.length > maxHeaderLength) {
    throw new DidcommCryptoError("too_large", `The protected header is longer than ${maxHeaderLength} characters`);
  }
  const bytes = decodeBase64url(text);
  const json = bytes && decodeUtf8(bytes);
  if (json === undefined) throw new DidcommCryptoError("envelope_invalid", "The protected header is not base64url of UTF-8");
  const header = parseJsonObject(json, "The protected header", maxDepth);
  checkNoMembers(header, UNSUPPORTED, "The protected header");
  const { typ } = header;
  if (typ !== undefined && !isMediaType(typ, type)) throw new DidcommCryptoError("typ_invalid", `typ must be application/${type}`);
  return header;
}

/**
 * Checks that an object has none of these members.
 *
 * @throws DidcommCryptoError `header_unsupported`
 */
export function checkNoMembers(object: JsonObject, members: Iterable<string>, name: string): void {
  for (const member of members) {
    if (Object.hasOwn(object, member)) throw new DidcommCryptoError("header_unsupported", `${name} must not have ${member}`);
  }
}

function isMediaType(typ: unknown, type: string): boolean {
  if (typeof typ !== "string") return false;
  const lower = typ.toLowerCase();
  return lower === type || lower === `application/${type}`;
}
