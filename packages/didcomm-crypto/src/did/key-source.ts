import { ParleyError } from "@parley/core";
import {
  findVerificationMethod,
  publicKeyJwk,
  type DidDocument,
  type DidResolver,
  type PublicJwk,
  type ResolveOptions,
  type VerificationMethod,
} from "@parley/did";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { didOfKid } from "../kid.ts";

/** What the keys of a message may be used for. */
type Purpose = "keyAgreement" | "authentication";

/** A document in which a key is missing is resolved again if it is older than this: the key may be new. */
const MAX_AGE_MS = 30_000;

/** Keys that have been read, for as long as the resolver keeps the document that they are from. */
const read = new WeakMap<VerificationMethod, PublicJwk>();

/** The public key that a DID lists under this id for a purpose. */
export async function findKey(kid: string, purpose: Purpose, resolver: DidResolver, signal: AbortSignal | undefined): Promise<PublicJwk> {
  const did = didOfKid(kid);
  if (did === undefined) throw new DidcommCryptoError("kid_invalid", "The key's id is no absolute DID URL");
  const method = findVerificationMethod(await resolve(did, resolver, signal), kid, purpose);
  if (method !== undefined) return publicKeyOf(method);
  const fresh = await resolve(did, resolver, signal, MAX_AGE_MS);
  const found = findVerificationMethod(fresh, kid, purpose);
  if (found !== undefined) return publicKeyOf(found);
  if (findVerificationMethod(fresh, kid) === undefined) throw new DidcommCryptoError("key_not_found", "The DID's document has no such key");
  throw new DidcommCryptoError("key_purpose", `The DID's document does not list the key for ${purpose}`);
}

/** @throws DidcommCryptoError `resolution_failed`; the signal's reason if the caller has given up. */
export async function resolve(
  did: string,
  resolver: DidResolver,
  signal: AbortSignal | undefined,
  maxAgeMs?: number,
): Promise<DidDocument> {
  const options: ResolveOptions = { ...(signal && { signal }), ...(maxAgeMs !== undefined && { maxAgeMs }) };
  try {
    return await resolver.resolve(did, options);
  } catch (error) {
    signal?.throwIfAborted();
    const { code, retryable } = ParleyError.from(error);
    throw new DidcommCryptoError("resolution_failed", `A DID could not be resolved: ${code}`, { cause: error, retryable });
  }
}

/** @throws DidcommCryptoError `key_unsupported` */
export function publicKeyOf(method: VerificationMethod): PublicJwk {
  const known = read.get(method);
  if (known !== undefined) return known;
  try {
    const key = publicKeyJwk(method);
    read.set(method, key);
    return key;
  } catch (error) {
    throw new DidcommCryptoError("key_unsupported", "The key of the DID's document can't be read", { cause: error });
  }
}
