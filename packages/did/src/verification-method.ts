import { DidError } from "./did-error.ts";
import type { DidDocument, VerificationMethod, VerificationRelationship } from "./did-document.ts";
import { okpJwk, readPublicJwk, type PublicJwk } from "./jwk.ts";
import { decodeBase58Key, decodeMultikey } from "./multikey.ts";

/**
 * Finds a verification method by its id, absolute (`did:…#key-1`) or relative (`#key-1`).
 *
 * @param relationship the purpose of the key. Always pass it before trusting a key: a method that is not listed for the purpose is not found.
 */
export function findVerificationMethod(
  document: DidDocument,
  id: string,
  relationship?: VerificationRelationship,
): VerificationMethod | undefined {
  const absolute = id.startsWith("#") ? document.id + id : id;
  if (relationship !== undefined && !document[relationship].includes(absolute)) return undefined;
  return document.verificationMethod.find((method) => method.id === absolute);
}

/** The verification methods of a relationship, in its order, without those of other DIDs. */
export function verificationMethodsOf(document: DidDocument, relationship: VerificationRelationship): readonly VerificationMethod[] {
  return document[relationship].flatMap((id) => findVerificationMethod(document, id) ?? []);
}

/**
 * The public key of a verification method as a JWK with only the required members. The key is checked: right length, on its curve.
 *
 * Supports JsonWebKey2020, JsonWebKey and Multikey with Ed25519, X25519, P-256, P-384, P-521 and secp256k1, and the Ed25519 and X25519 types
 * of 2018 to 2020. Decoding takes up to a millisecond, so cache keys that you use often.
 *
 * @throws DidError `key_unsupported`
 */
export function publicKeyJwk(method: VerificationMethod): PublicJwk {
  switch (method.type) {
    case "JsonWebKey2020":
    case "JsonWebKey":
      return readPublicJwk(method.publicKeyJwk);
    case "Multikey":
      return decodeMultikey(method.publicKeyMultibase ?? "");
    case "Ed25519VerificationKey2020":
      return ofCurve(decodeMultikey(method.publicKeyMultibase ?? ""), "Ed25519");
    case "X25519KeyAgreementKey2020":
      return ofCurve(decodeMultikey(method.publicKeyMultibase ?? ""), "X25519");
    case "Ed25519VerificationKey2018":
      return okpJwk("Ed25519", decodeBase58Key(method.publicKeyBase58 ?? ""));
    case "X25519KeyAgreementKey2019":
      return okpJwk("X25519", decodeBase58Key(method.publicKeyBase58 ?? ""));
    default:
      throw new DidError("key_unsupported", "The type of the verification method is not supported");
  }
}

function ofCurve(jwk: PublicJwk, crv: PublicJwk["crv"]): PublicJwk {
  if (jwk.crv !== crv) throw new DidError("key_unsupported", `The type of the verification method requires a key of ${crv}`);
  return jwk;
}
