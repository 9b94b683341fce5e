import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import type { ContentDecipher } from "./content-cipher.ts";

/**
 * XChaCha20-Poly1305, which Node does not provide. Only for decryption, since support is optional in DIDComm.
 *
 * @see {@link https://datatracker.ietf.org/doc/html/draft-amringer-jose-chacha-02 | draft-amringer-jose-chacha}
 */
export const xc20p: ContentDecipher = {
  keyLength: 32,
  ivLength: 24,
  tagLength: 16,

  open({ key, iv, aad }, { ciphertext, tag }) {
    try {
      return xchacha20poly1305(key, iv, aad).decrypt(Buffer.concat([ciphertext, tag]));
    } catch {
      return undefined;
    }
  },
};
