import type { JsonObject } from "@parley/core";
import { parseJsonObject as parseStrictly } from "@parley/core/internal";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";

/**
 * Parses a JSON object: no duplicate members, and nested no deeper than allowed.
 *
 * @param name begins error messages.
 * @throws DidcommCryptoError `envelope_invalid`, `too_large`
 */
export function parseJsonObject(text: string, name: string, maxDepth: number): JsonObject {
  return parseStrictly(text, {
    name,
    maxDepth,
    createError: (fault, message) => new DidcommCryptoError(fault === "deep" ? "too_large" : "envelope_invalid", message),
  });
}
