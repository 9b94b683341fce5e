import { createCipheriv, createDecipheriv } from "node:crypto";

/** The initial value of RFC 3394, section 2.2.3.1, by which unwrapping knows the right key. */
const INITIAL_VALUE = Buffer.alloc(8, 0xa6);

/** Bytes that wrapping adds. */
export const WRAP_OVERHEAD = 8;

/** Wraps a key with AES-256 (RFC 3394). */
export function wrapKey(kek: Uint8Array, key: Uint8Array): Buffer {
  const cipher = createCipheriv("aes256-wrap", kek, INITIAL_VALUE);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** Unwraps a key; `undefined` if it was not wrapped with this one. */
export function unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Buffer | undefined {
  try {
    const decipher = createDecipheriv("aes256-wrap", kek, INITIAL_VALUE);
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch {
    return undefined;
  }
}
