import { didOf } from "@parley/did";

/** Longest key id, in characters. */
const MAX_KID_LENGTH = 2048;

const FRAGMENT = /^[\w.~!$&'()*+,;=:@/?%-]+$/;

/** The DID of a key's id; `undefined` if that is no absolute DID URL of the form `did:…#…`. */
export function didOfKid(kid: unknown): string | undefined {
  if (typeof kid !== "string" || kid.length > MAX_KID_LENGTH) return undefined;
  const did = didOf(kid);
  if (did === undefined || kid[did.length] !== "#") return undefined;
  return FRAGMENT.test(kid.slice(did.length + 1)) ? did : undefined;
}
