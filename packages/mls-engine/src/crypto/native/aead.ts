import type { AeadName } from "../suites.ts";
import type { CipherGCMTypes } from "node:crypto";
import type { Aead } from "../primitives.ts";
import type { NodeCrypto } from "./node-module.ts";

const CIPHERS: Record<AeadName, { readonly algorithm: CipherGCMTypes; readonly keyLength: number }> = {
  "AES-128-GCM": { algorithm: "aes-128-gcm", keyLength: 16 },
  "AES-256-GCM": { algorithm: "aes-256-gcm", keyLength: 32 },
  // The types of createCipheriv list only GCM for this overload; the calls are the same.
  "ChaCha20-Poly1305": { algorithm: "chacha20-poly1305" as CipherGCMTypes, keyLength: 32 },
};
const TAG = 16;
const OPTIONS = { authTagLength: TAG };

export function nativeAead(node: NodeCrypto, name: AeadName): Aead {
  const { algorithm, keyLength } = CIPHERS[name];
  return {
    keyLength,
    nonceLength: 12,
    seal: (key, nonce, aad, plaintext) => {
      const cipher = node.createCipheriv(algorithm, key, nonce, OPTIONS);
      if (aad.length > 0) cipher.setAAD(aad);
      const out = new Uint8Array(plaintext.length + TAG);
      if (plaintext.length > 0) out.set(cipher.update(plaintext));
      cipher.final();
      out.set(cipher.getAuthTag(), plaintext.length);
      return out;
    },
    open: (key, nonce, aad, ciphertext) => {
      const length = ciphertext.length - TAG;
      if (length < 0) return undefined;
      const decipher = node.createDecipheriv(algorithm, key, nonce, OPTIONS);
      decipher.setAuthTag(ciphertext.subarray(length));
      if (aad.length > 0) decipher.setAAD(aad);
      const plaintext = length === 0 ? new Uint8Array(0) : decipher.update(ciphertext.subarray(0, length));
      try {
        decipher.final();
      } catch {
        plaintext.fill(0);
        return undefined;
      }
      return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
    },
  };
}
