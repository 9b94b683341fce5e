/** Longest DID that a node takes, in characters. */
const MAX_DID_LENGTH = 2048;

const DID = /^did:[a-z0-9]+:(?:[\w.:-]|%[0-9A-Fa-f]{2})*(?:[\w.-]|%[0-9A-Fa-f]{2})$/;

/**
 * Whether a text is a DID: no path, query or fragment, and at most 2048 characters.
 *
 * @see {@link https://www.w3.org/TR/did-core/#did-syntax | DID Core, DID Syntax}
 */
export function isDid(text: string): boolean {
  return text.length <= MAX_DID_LENGTH && DID.test(text);
}
