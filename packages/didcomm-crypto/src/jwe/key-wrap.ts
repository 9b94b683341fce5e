import { createCipheriv, createDecipheriv } from "node:crypto";

/** The initial value of RFC 3394, section 2.2.3.1, which authenticates the key-encryption key. */
const INITIAL_VALUE = Buffer.alloc(8, 0xa6);

/** Bytes that wrapping adds. */
export const WRAP_OVERHEAD = 8;

/** Wraps a key with AES-256 (RFC 3394). */
export function wrapKey(kek: Uint8Array, key: Uint8Array): Buffer {
  const cipher = createCipheriv("aes256-wrap", kek, INITIAL_VALUE);
  // update() returns the complete result; final() would return nothing.
  return cipher.update(key);
}

/** Unwraps a key. `undefined` if it was wrapped with another key-encryption key. */
export function unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Buffer | undefined {
  try {
    return createDecipheriv("aes256-wrap", kek, INITIAL_VALUE).update(wrapped);
  } catch {
    return undefined;
  }
}
