import type { JsonObject } from "@parley/core";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import { didOfKid } from "../kid.ts";
import type { UnpackLimits } from "../limits.ts";
import { bytesOf, objectOf, objectsOf, stringOf } from "../text/member.ts";
import { parseProtectedHeader, refuseMembers } from "../text/protected-header.ts";
import { isSignatureAlgorithm, type SignatureAlgorithm } from "./algorithms.ts";

/** Media type of a signed message, without `application/`. */
export const SIGNED_TYPE = "didcomm-signed+json";

/** Longest signature, in characters of base64url; ES384 has 128. */
const MAX_SIGNATURE_LENGTH = 128;

/** A signed message, every member checked but the signature. */
export interface Jws {
  /** What is signed: protected header and payload as they came, joined by a dot. */
  readonly signedText: string;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly alg: SignatureAlgorithm;
  readonly kid: string;
  /** The DID that the key is of. */
  readonly signerDid: string;
}

/** Header parameters that are worth nothing unless protected. `kid` is not among them: in the specification's examples it is not. */
const PROTECTED_ONLY = ["alg", "typ", "cty", "crit", "b64"];

/** Reads a signed message in either JSON serialisation (RFC 7515, section 7.2). */
export function parseJws(envelope: JsonObject, limits: UnpackLimits): Jws {
  const entry = signatureOf(envelope);
  const unprotected = objectOf(entry, "header");
  refuseMembers(unprotected, PROTECTED_ONLY, "The signature's header");
  const protectedText = stringOf(entry, "protected");
  const header = parseProtectedHeader(protectedText, SIGNED_TYPE, limits);
  const { alg } = header;
  if (!isSignatureAlgorithm(alg)) throw new DidcommCryptoError("alg_not_allowed", "alg is none that DIDComm signs with");
  if (Object.hasOwn(header, "kid") && Object.hasOwn(unprotected, "kid")) {
    throw new DidcommCryptoError("kid_invalid", "The signature has two kids");
  }
  const kid = header["kid"] ?? unprotected["kid"];
  const signerDid = didOfKid(kid);
  if (typeof kid !== "string" || signerDid === undefined) {
    throw new DidcommCryptoError("kid_invalid", "The signer's kid is missing, or no absolute DID URL");
  }
  if (stringOf(entry, "signature").length > MAX_SIGNATURE_LENGTH) {
    throw new DidcommCryptoError("envelope_invalid", "The signature is longer than any");
  }
  const signature = bytesOf(entry, "signature");
  const payload = bytesOf(envelope, "payload");
  return { signedText: `${protectedText}.${stringOf(envelope, "payload")}`, payload, signature, alg, kid, signerDid };
}

/** There is one signature: a message has one sender. */
function signatureOf(envelope: JsonObject): JsonObject {
  const { signatures } = envelope;
  if (signatures === undefined) return envelope;
  refuseMembers(envelope, ["protected", "header", "signature"], "An envelope with signatures");
  const [entry, ...others] = objectsOf(signatures) ?? [];
  if (entry === undefined || others.length > 0) {
    throw new DidcommCryptoError("envelope_invalid", "signatures must be a list of one signature");
  }
  return entry;
}
