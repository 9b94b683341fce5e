import { createCipheriv, createDecipheriv } from "node:crypto";
import type { ContentCipher } from "./content-cipher.ts";

const TAG_LENGTH = 16;
const OPTIONS = { authTagLength: TAG_LENGTH };

/**
 * AES-256-GCM.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7518#section-5.3 | RFC 7518, section 5.3}
 */
export const a256gcm: ContentCipher = {
  keyLength: 32,
  ivLength: 12,
  tagLength: TAG_LENGTH,

  seal({ key, iv, aad }, plaintext) {
    const cipher = createCipheriv("aes-256-gcm", key, iv, OPTIONS).setAAD(aad);
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return { ciphertext, tag: cipher.getAuthTag() };
  },

  open({ key, iv, aad }, { ciphertext, tag }) {
    try {
      const decipher = createDecipheriv("aes-256-gcm", key, iv, OPTIONS).setAAD(aad).setAuthTag(tag);
      return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
    } catch {
      return undefined;
    }
  },
};
