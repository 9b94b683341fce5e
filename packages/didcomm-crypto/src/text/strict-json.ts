import { isJsonObject, type JsonObject } from "@parley/core";
import { jsonFault } from "@parley/core/internal";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";

/**
 * Reads a JSON object strictly: no member twice, and no deeper than allowed. With members twice, two readers of one authenticated text
 * could see different messages (RFC 7515, section 4; RFC 7493, section 2.3).
 *
 * @param what names the text in errors.
 */
export function parseJsonObject(text: string, what: string, maxDepth: number): JsonObject {
  const fault = jsonFault(text, maxDepth);
  if (fault === "deep") throw new DidcommCryptoError("too_large", `${what} is nested deeper than ${maxDepth} levels`);
  if (fault === "duplicate") throw new DidcommCryptoError("envelope_invalid", `${what} has a member twice`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own error would quote the text.
    throw new DidcommCryptoError("envelope_invalid", `${what} is no JSON`);
  }
  if (!isJsonObject(value)) throw new DidcommCryptoError("envelope_invalid", `${what} is no JSON object`);
  return value;
}
