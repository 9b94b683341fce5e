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
import { didOfKid } from "../did-of-kid.ts";

/** The verification relationships that messages use. */
type Purpose = "keyAgreement" | "authentication";

/** If a key is missing, a cached document older than this is resolved again, since the key may have been added. */
const MAX_AGE_MS = 30_000;

/** Decoded keys, cached as long as the resolver caches their document. */
const decoded = new WeakMap<VerificationMethod, PublicJwk>();

/**
 * Finds the public key that a DID document lists for a purpose.
 *
 * @throws DidcommCryptoError `kid_invalid`, `resolution_failed`, `key_not_found`, `key_purpose`, `key_unsupported`
 */
export async function findKey(kid: string, purpose: Purpose, resolver: DidResolver, signal: AbortSignal | undefined): Promise<PublicJwk> {
  const did = didOfKid(kid);
  if (did === undefined) throw new DidcommCryptoError("kid_invalid", "The key id is not an absolute DID URL");
  const method = findVerificationMethod(await resolve(did, resolver, signal), kid, purpose);
  if (method !== undefined) return publicKeyOf(method);
  const fresh = await resolve(did, resolver, signal, MAX_AGE_MS);
  const found = findVerificationMethod(fresh, kid, purpose);
  if (found !== undefined) return publicKeyOf(found);
  if (findVerificationMethod(fresh, kid) === undefined) throw new DidcommCryptoError("key_not_found", "The DID document has no such key");
  throw new DidcommCryptoError("key_purpose", `The DID document does not list the key for ${purpose}`);
}

/**
 * Resolves a DID.
 *
 * @throws DidcommCryptoError `resolution_failed`
 * @throws the reason of the signal after an abort.
 */
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

/**
 * Decodes the key of a verification method.
 *
 * @throws DidcommCryptoError `key_unsupported`
 */
export function publicKeyOf(method: VerificationMethod): PublicJwk {
  const known = decoded.get(method);
  if (known !== undefined) return known;
  try {
    const key = publicKeyJwk(method);
    decoded.set(method, key);
    return key;
  } catch (error) {
    throw new DidcommCryptoError("key_unsupported", "The key in the DID document cannot be decoded", { cause: error });
  }
}
