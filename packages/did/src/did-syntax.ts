import { DidError } from "./did-error.ts";

/** Most characters of a DID. */
const MAX_DID_LENGTH = 2048;

const WEB = "did:web:";
const DID = /^did:[a-z0-9]+:(?:[\w.:-]|%[0-9A-Fa-f]{2})*(?:[\w.-]|%[0-9A-Fa-f]{2})$/;

/** The usual form of did:web DIDs. They are canonical. */
const CANONICAL_WEB = /^did:web:[a-z0-9.-]+(?::[\w.-]+)*$/;

/**
 * Whether a text is a DID: at most 2048 characters, without path, query or fragment.
 *
 * @see {@link https://www.w3.org/TR/did-core/#did-syntax | DID Core, DID Syntax}
 */
export function isDid(text: string): boolean {
  return text.length <= MAX_DID_LENGTH && DID.test(text);
}

/** The DID part of a DID URL such as a key id: the text before its path, query or fragment. `undefined` if that is not a DID. */
export function didOf(didUrl: string): string | undefined {
  const end = didUrl.search(/[/?#]/);
  const did = end === -1 ? didUrl : didUrl.slice(0, end);
  return isDid(did) ? did : undefined;
}

/**
 * The canonical form of a DID: percent-encoded characters that need no encoding are decoded, the others have upper-case hex digits; the host
 * of a did:web DID is in lower case and without the default port 443. `undefined` if the text is not a DID.
 *
 * DIDs are compared character by character. Reject a DID that differs from its canonical form before a decision depends on it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2 | RFC 3986, Syntax-Based Normalization}
 * @example
 * ```ts
 * import { canonicalDid } from "@parley/did";
 *
 * canonicalDid("did:web:Example.com%3A443:agents:%61"); // did:web:example.com:agents:a
 * ```
 */
export function canonicalDid(did: string): string | undefined {
  if (did.length <= MAX_DID_LENGTH && CANONICAL_WEB.test(did)) return did;
  if (!isDid(did)) return undefined;
  const escaped = did.includes("%") ? did.replaceAll(/%[0-9A-Fa-f]{2}/g, canonicalEscape) : did;
  if (!escaped.startsWith(WEB)) return escaped;
  const [host = "", ...path] = escaped.slice(WEB.length).split(":");
  return [
    WEB +
      host
        .toLowerCase()
        .replace(/%3a/g, "%3A")
        .replace(/%3A0*443$/, ""),
    ...path,
  ].join(":");
}

function canonicalEscape(escape: string): string {
  const char = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
  return /[\w.-]/.test(char) ? char : escape.toUpperCase();
}

/** Explains why a value is not a DID, and how to correct it. Continues an error message. */
export function explainInvalidDid(text: unknown): string {
  if (typeof text !== "string") return "it is not a string";
  if (text.length > MAX_DID_LENGTH) return `it has more than ${MAX_DID_LENGTH} characters`;
  if (isDid(text.trim())) return "remove the surrounding white space";
  if (didOf(text) !== undefined) return "remove its path, query and fragment";
  return "a DID looks like did:web:example.com";
}

/**
 * The method-specific id of a DID.
 *
 * @throws DidError `did_invalid` if the DID has another method.
 */
export function idOfMethod(did: string, method: string): string {
  const prefix = `did:${method}:`;
  if (!isDid(did) || !did.startsWith(prefix)) throw new DidError("did_invalid", `This is not a did:${method} DID`);
  return did.slice(prefix.length);
}
