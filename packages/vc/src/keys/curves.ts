import type { webcrypto } from "node:crypto";

/** Curves of the supported keys. */
export type Curve = "Ed25519" | "P-256" | "P-384" | "P-521";

/** A key that was imported into WebCrypto. */
export interface ImportedKey {
  readonly curve: Curve;
  readonly cryptoKey: webcrypto.CryptoKey;
}

/** JWS algorithms of each curve, the one used for signing first (RFC 7518, RFC 8037, RFC 9864). */
export const ALGORITHMS: Readonly<Record<Curve, readonly [string, ...string[]]>> = {
  Ed25519: ["EdDSA", "Ed25519"],
  "P-256": ["ES256"],
  "P-384": ["ES384"],
  "P-521": ["ES512"],
};

/** Hash function of ECDSA on each curve. */
const HASHES: Readonly<Record<Curve, string>> = { Ed25519: "", "P-256": "SHA-256", "P-384": "SHA-384", "P-521": "SHA-512" };

/** Whether a curve is supported. */
export function isCurve(name: string | undefined): name is Curve {
  return name !== undefined && Object.hasOwn(ALGORITHMS, name);
}

/** WebCrypto parameters for importing a key. */
export function importParameters(curve: Curve): { name: string; namedCurve?: string } {
  return curve === "Ed25519" ? { name: "Ed25519" } : { name: "ECDSA", namedCurve: curve };
}

/** WebCrypto parameters for signing and verifying. */
export function signatureParameters(curve: Curve): { name: string; hash?: string } {
  return curve === "Ed25519" ? { name: "Ed25519" } : { name: "ECDSA", hash: HASHES[curve] };
}
