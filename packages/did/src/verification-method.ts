import { DidError } from "./did-error.ts";
import type { DidDocument, VerificationMethod, VerificationRelationship } from "./did-document.ts";
import { decodePoint } from "./ec-point.ts";
import { ecJwk, okpJwk, readPublicJwk, type PublicJwk } from "./jwk.ts";
import { decodeBase58Key, decodeHexKey, decodeMultikey } from "./multikey.ts";

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

/** The types of verification methods that have keys of one curve only. */
const CURVES: ReadonlyMap<string, PublicJwk["crv"]> = new Map<string, PublicJwk["crv"]>([
  ["Ed25519VerificationKey2018", "Ed25519"],
  ["Ed25519VerificationKey2020", "Ed25519"],
  ["X25519KeyAgreementKey2019", "X25519"],
  ["X25519KeyAgreementKey2020", "X25519"],
  ["EcdsaSecp256k1VerificationKey2019", "secp256k1"],
  ["EcdsaSecp256r1VerificationKey2019", "P-256"],
]);

/**
 * The public key of a verification method as a JWK with only the required members. The key is checked: right length, on its curve.
 *
 * Supports JsonWebKey2020, JsonWebKey and Multikey with Ed25519, X25519, P-256, P-384, P-521 and secp256k1; the Ed25519 and X25519 types of 2018
 * to 2020; and the ECDSA types of 2019, for secp256k1 and P-256. The older types have their key in any one of `publicKeyJwk`,
 * `publicKeyMultibase`, `publicKeyBase58` and `publicKeyHex`. Decoding takes up to a millisecond, so cache keys that you use often.
 *
 * @throws DidError `key_unsupported`
 */
export function publicKeyJwk(method: VerificationMethod): PublicJwk {
  const { type } = method;
  if (type === "JsonWebKey2020" || type === "JsonWebKey") return readPublicJwk(method.publicKeyJwk);
  if (type === "Multikey") return decodeMultikey(method.publicKeyMultibase ?? "");
  const crv = CURVES.get(type);
  if (crv === undefined) throw new DidError("key_unsupported", "The type of the verification method is not supported");
  return keyOfCurve(crv, method);
}

function keyOfCurve(crv: PublicJwk["crv"], method: VerificationMethod): PublicJwk {
  const { publicKeyJwk: jwk, publicKeyMultibase: multibase, publicKeyBase58: base58, publicKeyHex: hex } = method;
  // Several keys in one method could be read as different keys by different verifiers.
  if ([jwk, multibase, base58, hex].filter((key) => key !== undefined).length !== 1) {
    throw new DidError("key_unsupported", "The verification method must have exactly one public key");
  }
  if (jwk !== undefined) return ofCurve(readPublicJwk(jwk), crv);
  if (multibase !== undefined) return ofCurve(decodeMultikey(multibase), crv);
  const bytes = base58 === undefined ? decodeHexKey(hex ?? "") : decodeBase58Key(base58);
  return crv === "Ed25519" || crv === "X25519" ? okpJwk(crv, bytes) : ecJwk(crv, decodePoint(crv, bytes));
}

function ofCurve(jwk: PublicJwk, crv: PublicJwk["crv"]): PublicJwk {
  if (jwk.crv !== crv) throw new DidError("key_unsupported", `The type of the verification method requires a key of ${crv}`);
  return jwk;
}
