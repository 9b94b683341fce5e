import type { AeadName, HashName } from "../suites.ts";
import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import type { Aead, Digest, Primitives } from "../primitives.ts";
import { portableDh } from "./dh.ts";
import { portableSignature } from "./signature.ts";

const HASHES = { "SHA-256": sha256, "SHA-384": sha384, "SHA-512": sha512 };
const KEY_LENGTHS: Record<AeadName, number> = { "AES-128-GCM": 16, "AES-256-GCM": 32, "ChaCha20-Poly1305": 32 };

/** The implementation in JavaScript, for every runtime with `crypto.getRandomValues`. */
export const portablePrimitives: Primitives = {
  digest: portableDigest,
  aead: portableAead,
  signature: portableSignature,
  dh: portableDh,
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

function portableDigest(name: HashName): Digest {
  const hash = HASHES[name];
  return { length: hash.outputLen, digest: (data) => hash(data), mac: (key, data) => hmac(hash, key, data) };
}

function portableAead(name: AeadName): Aead {
  const cipher = name === "ChaCha20-Poly1305" ? chacha20poly1305 : gcm;
  return {
    keyLength: KEY_LENGTHS[name],
    nonceLength: 12,
    seal: (key, nonce, aad, plaintext) => cipher(key, nonce, aad).encrypt(plaintext),
    open: (key, nonce, aad, ciphertext) => {
      if (ciphertext.length < 16) return undefined;
      try {
        return cipher(key, nonce, aad).decrypt(ciphertext);
      } catch {
        return undefined;
      }
    },
  };
}
