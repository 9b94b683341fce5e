import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { didOfKid } from "../did-of-kid.ts";
import type { UnpackLimits } from "../unpack-limits.ts";
import { bytesOf, objectOf, objectsOf, stringOf } from "../text/member.ts";
import { parseProtectedHeader, checkNoMembers } from "../text/protected-header.ts";
import { isSignatureAlgorithm, type SignatureAlgorithm } from "./algorithms.ts";

/** Media type of a signed message, without `application/`. */
export const SIGNED_TYPE = "didcomm-signed+json";

/** Most base64url characters of a signature; ES384 has 128. */
const MAX_SIGNATURE_LENGTH = 128;

/** A parsed signed message whose signature is not verified yet. */
export interface Jws {
  /** The signing input: protected header and payload as received, joined by a dot. */
  readonly signedText: string;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly alg: SignatureAlgorithm;
  readonly kid: string;
  /** The DID in the key id. */
  readonly signerDid: string;
}

/** Header parameters that must be protected. The examples in the specification have an unprotected `kid`. */
const PROTECTED_ONLY = ["alg", "typ", "cty", "crit", "b64"];

/**
 * Parses a signed message in either JSON serialization (RFC 7515, section 7.2).
 *
 * @throws DidcommCryptoError
 */
export function parseJws(envelope: JsonObject, limits: UnpackLimits): Jws {
  const entry = signatureOf(envelope);
  const unprotected = objectOf(entry, "header");
  checkNoMembers(unprotected, PROTECTED_ONLY, "The signature's header");
  const protectedText = stringOf(entry, "protected");
  const header = parseProtectedHeader(protectedText, SIGNED_TYPE, limits);
  const { alg } = header;
  if (!isSignatureAlgorithm(alg)) throw new DidcommCryptoError("alg_not_allowed", "alg is not a signature algorithm of DIDComm");
  if (Object.hasOwn(header, "kid") && Object.hasOwn(unprotected, "kid")) {
    throw new DidcommCryptoError("kid_invalid", "The signature has two kids");
  }
  const kid = header["kid"] ?? unprotected["kid"];
  const signerDid = didOfKid(kid);
  if (typeof kid !== "string" || signerDid === undefined) {
    throw new DidcommCryptoError("kid_invalid", "The signer's kid is missing, or not an absolute DID URL");
  }
  if (stringOf(entry, "signature").length > MAX_SIGNATURE_LENGTH) {
    throw new DidcommCryptoError("envelope_invalid", "The signature is too long");
  }
  const signature = bytesOf(entry, "signature");
  const payload = bytesOf(envelope, "payload");
  return { signedText: `${protectedText}.${stringOf(envelope, "payload")}`, payload, signature, alg, kid, signerDid };
}

/** The only signature: a message has one sender. */
function signatureOf(envelope: JsonObject): JsonObject {
  const { signatures } = envelope;
  if (signatures === undefined) return envelope;
  checkNoMembers(envelope, ["protected", "header", "signature"], "An envelope with signatures");
  const [entry, ...others] = objectsOf(signatures) ?? [];
  if (entry === undefined || others.length > 0) {
    throw new DidcommCryptoError("envelope_invalid", "signatures must be a list with one signature");
  }
  return entry;
}
