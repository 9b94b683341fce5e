/** Writes bytes in base64url without padding (RFC 7515, section 2). */
export function encodeBase64url(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("base64url");
}

/** Reads base64url without padding; `undefined` for anything but the one spelling of some bytes. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  // Buffer skips what it does not know, so the way back tells.
  return bytes.toString("base64url") === text ? bytes : undefined;
}

/** The same bytes, not a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
