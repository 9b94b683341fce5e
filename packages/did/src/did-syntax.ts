import { DidError } from "./did-error.ts";

/** Longest DID that is read, in characters. */
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

/** The DID of a DID URL such as a key id: what stands before its path, query or fragment. `undefined` if that is no DID. */
export function didOf(didUrl: string): string | undefined {
  const end = didUrl.search(/[/?#]/);
  const did = end === -1 ? didUrl : didUrl.slice(0, end);
  return isDid(did) ? did : undefined;
}

/** Why a text is not a DID, and how to correct it. */
export function whyNoDid(text: unknown): string {
  if (typeof text !== "string") return "it is not a string";
  if (text.length > MAX_DID_LENGTH) return `it has more than ${MAX_DID_LENGTH} characters`;
  if (isDid(text.trim())) return "remove the white space around it";
  if (didOf(text) !== undefined) return "leave out its path, query and fragment";
  return "a DID is written like did:web:example.com";
}

/** The method-specific id of a DID whose method must be the given one. */
export function idOfMethod(did: string, method: string): string {
  const prefix = `did:${method}:`;
  if (!isDid(did) || !did.startsWith(prefix)) throw new DidError("did_invalid", `This is not a did:${method} DID`);
  return did.slice(prefix.length);
}
