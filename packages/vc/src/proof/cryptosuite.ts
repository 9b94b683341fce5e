import type { JsonObject } from "@parley/core";
import canonicalize from "canonicalize";
import type { Curve, PrivateKey, VerifyingKey } from "../keys/curves.ts";
import { VcError } from "../vc-error.ts";

/** The supported cryptosuites, which canonicalize with JCS (RFC 8785), and the curves of each. */
const CURVES: Readonly<Record<string, readonly Curve[]>> = {
  "eddsa-jcs-2022": ["Ed25519"],
  "ecdsa-jcs-2019": ["P-256", "P-384"],
};

/** Whether a cryptosuite is supported. */
export function isCryptosuite(name: string): boolean {
  return Object.hasOwn(CURVES, name);
}

/** Whether keys on a curve can create proofs of a cryptosuite. */
export function isForCryptosuite(curve: Curve, cryptosuite: string): boolean {
  return CURVES[cryptosuite]?.includes(curve) === true;
}

/** The cryptosuite for keys on a curve. `undefined` for P-521 and secp256k1. */
export function cryptosuiteOf(curve: Curve): string | undefined {
  return Object.keys(CURVES).find((name) => isForCryptosuite(curve, name));
}

/**
 * Signs the hash data of a document and its proof's options.
 *
 * @see {@link https://www.w3.org/TR/vc-di-eddsa/#create-proof-eddsa-jcs-2022 | Data Integrity EdDSA Cryptosuites, section 3.3.1}
 */
export async function signHashData(document: JsonObject, options: JsonObject, key: PrivateKey): Promise<Uint8Array> {
  return key.sign(await hashData(document, options, key.curve));
}

/**
 * Checks a signature over the hash data of a document and its proof's options.
 *
 * @throws VcError `alg_not_allowed`, `signature_invalid`, `malformed`
 * @see {@link https://www.w3.org/TR/vc-di-eddsa/#verify-proof-eddsa-jcs-2022 | Data Integrity EdDSA Cryptosuites, section 3.3.2}
 * @see {@link https://www.w3.org/TR/vc-di-ecdsa/#verify-proof-ecdsa-jcs-2019 | Data Integrity ECDSA Cryptosuites, section 3.3.2}
 */
export async function verifyHashData(
  signature: Uint8Array<ArrayBuffer>,
  { document, options, cryptosuite }: { document: JsonObject; options: JsonObject; cryptosuite: string },
  key: VerifyingKey,
): Promise<void> {
  if (!isForCryptosuite(key.curve, cryptosuite))
    throw new VcError("alg_not_allowed", `Keys of ${key.curve} cannot be used with ${cryptosuite}`);
  if (!(await key.verify(signature, await hashData(document, options, key.curve)))) {
    throw new VcError("signature_invalid", "The proof was not created with this key");
  }
}

/** Hash of the options followed by the hash of the document, with the hash function of the curve (section 3.3.4 of both specifications). */
export async function hashData(document: JsonObject, options: JsonObject, curve: Curve): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = curve === "P-384" ? "SHA-384" : "SHA-256";
  const hashes = await Promise.all([options, document].map((part) => crypto.subtle.digest(algorithm, canonicalBytes(part))));
  return Uint8Array.from(hashes.flatMap((hash) => [...new Uint8Array(hash)]));
}

function canonicalBytes(value: JsonObject): Uint8Array<ArrayBuffer> {
  try {
    return new TextEncoder().encode(canonicalize(value));
  } catch (error) {
    // JSON allows unpaired surrogates, JCS does not.
    throw new VcError("malformed", "The document has a string with an unpaired surrogate", { cause: error });
  }
}
