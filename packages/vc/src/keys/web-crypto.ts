import type { webcrypto } from "node:crypto";
import type { Curve, PrivateKey, VerifyingKey } from "./curves.ts";

/** Curves of WebCrypto. */
export type WebCryptoCurve = Exclude<Curve, "secp256k1">;

/** Hash function of ECDSA on each curve. */
const HASHES: Readonly<Record<WebCryptoCurve, string>> = { Ed25519: "", "P-256": "SHA-256", "P-384": "SHA-384", "P-521": "SHA-512" };

/** Parameters for importing a key. */
export function importParameters(curve: WebCryptoCurve): { name: string; namedCurve?: string } {
  return curve === "Ed25519" ? { name: "Ed25519" } : { name: "ECDSA", namedCurve: curve };
}

/** A public key of WebCrypto. */
export function webCryptoVerifyingKey(curve: WebCryptoCurve, key: webcrypto.CryptoKey): VerifyingKey {
  return { curve, verify: (signature, data) => crypto.subtle.verify(signatureParameters(curve), key, signature, data) };
}

/** A private key of WebCrypto. */
export function webCryptoPrivateKey(curve: WebCryptoCurve, key: webcrypto.CryptoKey): PrivateKey {
  return { curve, sign: async (data) => new Uint8Array(await crypto.subtle.sign(signatureParameters(curve), key, data)) };
}

function signatureParameters(curve: WebCryptoCurve): { name: string; hash?: string } {
  return curve === "Ed25519" ? { name: "Ed25519" } : { name: "ECDSA", hash: HASHES[curve] };
}
