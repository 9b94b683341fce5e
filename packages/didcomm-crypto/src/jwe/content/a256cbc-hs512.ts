import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import type { ContentCipher, ContentInput } from "./content-cipher.ts";

const TAG_LENGTH = 32;

/**
 * AES-256-CBC with HMAC-SHA-512, truncated to its first half.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7518#section-5.2.5 | RFC 7518, section 5.2.5}
 */
export const a256cbcHs512: ContentCipher = {
  keyLength: 64,
  ivLength: 16,
  tagLength: TAG_LENGTH,

  seal(input, plaintext) {
    const cipher = createCipheriv("aes-256-cbc", input.key.subarray(32), input.iv);
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return { ciphertext, tag: tagOf(input, ciphertext) };
  },

  open(input, { ciphertext, tag }) {
    if (!timingSafeEqual(tagOf(input, ciphertext), tag)) return undefined;
    try {
      const decipher = createDecipheriv("aes-256-cbc", input.key.subarray(32), input.iv);
      return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
    } catch {
      // Invalid padding under a valid tag: only a holder of the key can cause it, so it is not a padding oracle.
      return undefined;
    }
  },
};

function tagOf({ key, iv, aad }: ContentInput, ciphertext: Uint8Array): Buffer {
  const aadBits = Buffer.alloc(8);
  aadBits.writeBigUInt64BE(BigInt(aad.length) * 8n);
  const hmac = createHmac("sha512", key.subarray(0, 32)).update(aad).update(iv).update(ciphertext).update(aadBits);
  return hmac.digest().subarray(0, TAG_LENGTH);
}
