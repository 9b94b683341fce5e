import { decodeBase64url } from "@parley/core/internal";
import type { ResolverRegistry } from "did-resolver";
import { DidError } from "./did-error.ts";
import { idOfMethod } from "./did-syntax.ts";
import type { DidDocument, VerificationMethod } from "./did-document.ts";
import type { PublicJwk } from "./jwk.ts";
import { decodeJwkJcs } from "./jwk-jcs.ts";
import { asMethod } from "./as-method.ts";
import { x25519OfEd25519 } from "./x25519-of-ed25519.ts";
import { decodeMultikey, encodeEd25519Multikey, encodeX25519Multikey } from "./multikey.ts";

/**
 * The did:key method, where the DID contains the key: Ed25519 (with the corresponding X25519 key for key agreement), X25519, P-256, P-384,
 * P-521 and secp256k1, as bytes or as a canonical JWK (`jwk_jcs-pub`, as in the wallets of EBSI and EUDI). Nothing is fetched.
 *
 * @see {@link https://w3c-ccg.github.io/did-key-spec/ | The did:key Method}
 */
export function didKeyMethod(): ResolverRegistry {
  return { key: asMethod(async (did) => didKeyDocument(did)) };
}

/**
 * The did:key DID of an Ed25519 key.
 *
 * @param x the public key's 32 bytes, in base64url.
 * @throws DidError `key_unsupported`
 */
export function didKeyOf(x: string): string {
  const key = decodeBase64url(x);
  if (key?.length !== 32) throw new DidError("key_unsupported", "A key of Ed25519 must have 32 bytes in base64url");
  return `did:key:${encodeEd25519Multikey(key)}`;
}

/**
 * The document of a did:key DID.
 *
 * @throws DidError `did_invalid`
 */
export function didKeyDocument(did: string): DidDocument {
  const multibase = idOfMethod(did, "key");
  const { key, isJwk } = readKey(multibase);
  const method = isJwk ? jwkMethod(did, multibase, key) : multikeyMethod(did, multibase);
  const agreement = agreementMethod(method, key);
  const signing = key.crv === "X25519" ? [] : [method.id];
  return {
    id: did,
    verificationMethod: agreement === undefined || agreement === method ? [method] : [method, agreement],
    authentication: signing,
    assertionMethod: signing,
    keyAgreement: agreement === undefined ? [] : [agreement.id],
    capabilityInvocation: signing,
    capabilityDelegation: signing,
    service: [],
  };
}

/** The method for key agreement. Ed25519 keys only sign; a multikey also stands for the corresponding X25519 key, a JWK does not. */
function agreementMethod(method: VerificationMethod, key: PublicJwk): VerificationMethod | undefined {
  if (key.crv !== "Ed25519") return method;
  return method.type === "Multikey" ? multikeyMethod(method.controller, agreementKey(key.x)) : undefined;
}

function multikeyMethod(did: string, multibase: string): VerificationMethod {
  return { id: `${did}#${multibase}`, type: "Multikey", controller: did, publicKeyMultibase: multibase };
}

function jwkMethod(did: string, multibase: string, jwk: PublicJwk): VerificationMethod {
  return { id: `${did}#${multibase}`, type: "JsonWebKey2020", controller: did, publicKeyJwk: { ...jwk } };
}

function readKey(multibase: string): { key: PublicJwk; isJwk: boolean } {
  // A did:key DID is always base58btc, although a Multikey can be base64url.
  if (!multibase.startsWith("z")) throw new DidError("did_invalid", "A did:key DID must be in base58btc");
  try {
    const jwk = decodeJwkJcs(multibase);
    return { key: jwk ?? decodeMultikey(multibase), isJwk: jwk !== undefined };
  } catch (error) {
    throw new DidError("did_invalid", "The did:key DID does not contain a public key of a supported type", { cause: error });
  }
}

function agreementKey(x: string): string {
  const key = decodeBase64url(x);
  const agreement = key === undefined ? undefined : x25519OfEd25519(key);
  if (agreement === undefined) throw new DidError("did_invalid", "The did:key DID does not contain a point of Ed25519");
  return encodeX25519Multikey(agreement);
}
