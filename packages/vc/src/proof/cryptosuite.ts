import type { JsonObject } from "@parley/core";
import canonicalize from "canonicalize";
import { signatureParameters, type Curve, type ImportedKey } from "../keys/curves.ts";
import { VcError } from "../vc-error.ts";

/** Cryptosuites that canonicalise with JCS (RFC 8785), and the curves of each. */
const CURVES: Readonly<Record<string, readonly Curve[]>> = {
  "eddsa-jcs-2022": ["Ed25519"],
  "ecdsa-jcs-2019": ["P-256", "P-384"],
};

/** Whether a cryptosuite is one of ours. */
export function isCryptosuite(name: string): boolean {
  return Object.hasOwn(CURVES, name);
}

/** Whether keys on a curve make proofs of a cryptosuite. */
export function isForCryptosuite(curve: Curve, cryptosuite: string): boolean {
  return CURVES[cryptosuite]?.includes(curve) === true;
}

/** The cryptosuite of a curve; `undefined` for P-521, which has none. */
export function cryptosuiteOf(curve: Curve): string | undefined {
  return Object.keys(CURVES).find((name) => isForCryptosuite(curve, name));
}

/**
 * Signs the hash data of a document and its proof's options.
 *
 * @see {@link https://www.w3.org/TR/vc-di-eddsa/#create-proof-eddsa-jcs-2022 | Data Integrity EdDSA Cryptosuites, section 3.3.1}
 */
export async function signHashData(document: JsonObject, options: JsonObject, { curve, cryptoKey }: ImportedKey): Promise<Uint8Array> {
  const data = await hashData(document, options, curve);
  return new Uint8Array(await crypto.subtle.sign(signatureParameters(curve), cryptoKey, data));
}

/**
 * Checks a signature over the hash data of a document and its proof's options.
 *
 * @see {@link https://www.w3.org/TR/vc-di-eddsa/#verify-proof-eddsa-jcs-2022 | Data Integrity EdDSA Cryptosuites, section 3.3.2}
 * @see {@link https://www.w3.org/TR/vc-di-ecdsa/#verify-proof-ecdsa-jcs-2019 | Data Integrity ECDSA Cryptosuites, section 3.3.2}
 */
export async function verifyHashData(
  signature: Uint8Array<ArrayBuffer>,
  { document, options, cryptosuite }: { document: JsonObject; options: JsonObject; cryptosuite: string },
  { curve, cryptoKey }: ImportedKey,
): Promise<void> {
  if (!isForCryptosuite(curve, cryptosuite)) throw new VcError("alg_not_allowed", `A key of ${curve} is not for ${cryptosuite}`);
  const data = await hashData(document, options, curve);
  if (!(await crypto.subtle.verify(signatureParameters(curve), cryptoKey, signature, data))) {
    throw new VcError("signature_invalid", "The key did not make this proof");
  }
}

/** Hash of the options, then hash of the document, with the hash of the curve (section 3.3.4 of both specifications). */
export async function hashData(document: JsonObject, options: JsonObject, curve: Curve): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = curve === "P-384" ? "SHA-384" : "SHA-256";
  const hashes = await Promise.all([options, document].map((part) => crypto.subtle.digest(algorithm, canonicalBytes(part))));
  return Uint8Array.from(hashes.flatMap((hash) => [...new Uint8Array(hash)]));
}

function canonicalBytes(value: JsonObject): Uint8Array<ArrayBuffer> {
  try {
    return new TextEncoder().encode(canonicalize(value));
  } catch (error) {
    // What JSON can hold and JCS refuses: half of a surrogate pair.
    throw new VcError("malformed", "The document has a text that is no Unicode", { cause: error });
  }
}
