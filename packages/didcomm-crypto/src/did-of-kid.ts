import { didOf } from "@parley/did";

/** Most characters of a key id. */
const MAX_KID_LENGTH = 2048;

const FRAGMENT = /^[\w.~!$&'()*+,;=:@/?%-]+$/;

/** The DID in a key id. `undefined` if the id is not an absolute DID URL of the form `did:…#…`. */
export function didOfKid(kid: unknown): string | undefined {
  if (typeof kid !== "string" || kid.length > MAX_KID_LENGTH) return undefined;
  const did = didOf(kid);
  if (did === undefined || kid[did.length] !== "#") return undefined;
  return FRAGMENT.test(kid.slice(did.length + 1)) ? did : undefined;
}
