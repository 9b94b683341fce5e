import { decodeBase64url } from "@parley/core/internal";
import type { ResolverRegistry } from "did-resolver";
import { DidError } from "./did-error.ts";
import { idOfMethod } from "./did-syntax.ts";
import type { DidDocument, VerificationMethod } from "./document.ts";
import type { PublicJwk } from "./jwk.ts";
import { asMethod } from "./method.ts";
import { x25519OfEd25519 } from "./montgomery.ts";
import { decodeMultikey, encodeX25519Multikey } from "./multikey.ts";

/**
 * The did:key method, where the DID is the key: Ed25519 (with the X25519 key that follows from it for key agreement), X25519, P-256,
 * P-384, P-521 and secp256k1. Nobody is asked.
 *
 * @see {@link https://w3c-ccg.github.io/did-key-spec/ | The did:key Method}
 */
export function didKeyMethod(): ResolverRegistry {
  return { key: asMethod(async (did) => didKeyDocument(did)) };
}

/**
 * The document of a did:key DID.
 *
 * @throws DidError `did_invalid`
 */
export function didKeyDocument(did: string): DidDocument {
  const multibase = idOfMethod(did, "key");
  const key = readKey(multibase);
  const method = multikeyMethod(did, multibase);
  const agreement = key.crv === "Ed25519" ? multikeyMethod(did, agreementKey(key.x)) : method;
  const signing = key.crv === "X25519" ? [] : [method.id];
  return {
    id: did,
    verificationMethod: agreement === method ? [method] : [method, agreement],
    authentication: signing,
    assertionMethod: signing,
    keyAgreement: [agreement.id],
    capabilityInvocation: signing,
    capabilityDelegation: signing,
    service: [],
  };
}

function multikeyMethod(did: string, multibase: string): VerificationMethod {
  return { id: `${did}#${multibase}`, type: "Multikey", controller: did, publicKeyMultibase: multibase };
}

function readKey(multibase: string): PublicJwk {
  // A DID has one spelling, and that of did:key is base58btc, although a Multikey may be base64url.
  if (!multibase.startsWith("z")) throw new DidError("did_invalid", "A did:key DID is written in base58btc");
  try {
    return decodeMultikey(multibase);
  } catch (error) {
    throw new DidError("did_invalid", "The did:key DID holds no public key that this library knows", { cause: error });
  }
}

function agreementKey(x: string): string {
  const key = decodeBase64url(x);
  const agreement = key === undefined ? undefined : x25519OfEd25519(key);
  if (agreement === undefined) throw new DidError("did_invalid", "The did:key DID holds no point of Ed25519");
  return encodeX25519Multikey(agreement);
}
