import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";

/** PKCS #8 header that precedes the seed of an Ed25519 key (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED_BYTES = 32;

/** The public key of a private key, which is a seed of 32 bytes. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const { x = "" } = createPublicKey(privateKey(seed)).export({ format: "jwk" });
  return Uint8Array.from(Buffer.from(x, "base64url"));
}

/** Signs with Ed25519 (RFC 8032). */
export function signWith(seed: Uint8Array, content: Uint8Array): Uint8Array {
  return Uint8Array.from(sign(null, content, privateKey(seed)));
}

/** Whether a signature is valid for a public key. False if either is malformed. */
export function isSignedBy(publicKey: Uint8Array, content: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== SEED_BYTES) return false;
  try {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") }, format: "jwk" });
    return verify(null, content, key, signature);
  } catch {
    return false;
  }
}

function privateKey(seed: Uint8Array): KeyObject {
  // Separate memory, which is erased below: Buffer.concat could copy the seed into a shared pool.
  const key = Buffer.alloc(PKCS8_PREFIX.length + seed.length);
  key.set(PKCS8_PREFIX);
  key.set(seed, PKCS8_PREFIX.length);
  try {
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } finally {
    key.fill(0);
  }
}
