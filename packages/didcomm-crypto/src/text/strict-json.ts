import { isJsonObject, type JsonObject } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";

/**
 * Reads a JSON object strictly: no member twice, and no deeper than allowed. With members twice, two readers of one authenticated text
 * could see different messages (RFC 7515, section 4; RFC 7493, section 2.3).
 *
 * @param what names the text in errors.
 */
export function parseJsonObject(text: string, what: string, maxDepth: number): JsonObject {
  const fault = findFault(text, maxDepth);
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

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Looks through a text once, before it is parsed. What it says about a text that is no JSON means nothing. */
function findFault(text: string, maxDepth: number): "deep" | "duplicate" | undefined {
  // One entry per open object (the names of its members) or array (undefined).
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === OPEN_OBJECT || char === OPEN_ARRAY) {
      if (open.length === maxDepth) return "deep";
      open.push(char === OPEN_OBJECT ? new Set() : undefined);
    } else if (char === CLOSE_OBJECT || char === CLOSE_ARRAY) {
      open.pop();
    } else if (char === QUOTE) {
      const end = endOfString(text, i);
      if (end === -1) return undefined;
      if (isName(text, end)) {
        const names = open.at(-1);
        const name = unescape(text.slice(i + 1, end));
        if (names?.has(name) === true) return "duplicate";
        names?.add(name);
      }
      i = end;
    }
  }
  return undefined;
}

/** The place of the quote that ends the string which opens at `start`; -1 if there is none. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/** Whether an odd number of backslashes stands before this place. */
function isEscaped(text: string, place: number): boolean {
  let i = place;
  while (text.charCodeAt(i - 1) === BACKSLASH) i -= 1;
  return (place - i) % 2 === 1;
}

/** Whether the string whose closing quote is here is followed by a colon. */
function isName(text: string, end: number): boolean {
  let i = end + 1;
  while (text[i] === " " || text[i] === "\n" || text[i] === "\r" || text[i] === "\t") i += 1;
  return text.charCodeAt(i) === COLON;
}

function unescape(name: string): string {
  if (!name.includes("\\")) return name;
  try {
    return JSON.parse(`"${name}"`) as string;
  } catch {
    return name;
  }
}
