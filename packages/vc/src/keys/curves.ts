import type { webcrypto } from "node:crypto";

/** Curves that credentials are signed with. */
export type Curve = "Ed25519" | "P-256" | "P-384" | "P-521";

/** A key that has been imported. */
export interface ImportedKey {
  readonly curve: Curve;
  readonly cryptoKey: webcrypto.CryptoKey;
}

/** JWS algorithms of each curve, the one to sign with first (RFC 7518, RFC 8037, RFC 9864). */
export const ALGORITHMS: Readonly<Record<Curve, readonly [string, ...string[]]>> = {
  Ed25519: ["EdDSA", "Ed25519"],
  "P-256": ["ES256"],
  "P-384": ["ES384"],
  "P-521": ["ES512"],
};

/** Hash of ECDSA on each curve. */
const HASHES: Readonly<Record<Curve, string>> = { Ed25519: "", "P-256": "SHA-256", "P-384": "SHA-384", "P-521": "SHA-512" };

/** Whether this is a curve that credentials are signed with. */
export function isCurve(name: string | undefined): name is Curve {
  return name !== undefined && Object.hasOwn(ALGORITHMS, name);
}

/** What WebCrypto wants to hear for importing a key of the curve. */
export function importParameters(curve: Curve): { name: string; namedCurve?: string } {
  return curve === "Ed25519" ? { name: "Ed25519" } : { name: "ECDSA", namedCurve: curve };
}

/** What WebCrypto wants to hear for signing with the curve and the hash that goes with it. */
export function signatureParameters(curve: Curve): { name: string; hash?: string } {
  return curve === "Ed25519" ? { name: "Ed25519" } : { name: "ECDSA", hash: HASHES[curve] };
}
