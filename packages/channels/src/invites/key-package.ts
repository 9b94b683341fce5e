/** An MLSMessage: version and kind; then, of a key package, version and cipher suite (RFC 9420 §6, §10). */
const HEADER_BYTES = 8;

/**
 * The signature key that a key package is for, by which its group will know its holder; `undefined` for what is no key package. Nothing
 * else of it is read or checked.
 */
export function signatureKeyIn(keyPackage: Uint8Array): Uint8Array | undefined {
  const initKey = readVector(keyPackage, HEADER_BYTES);
  const encryptionKey = initKey && readVector(keyPackage, initKey.end);
  return encryptionKey && readVector(keyPackage, encryptionKey.end)?.value;
}

/** A vector after its length, which has 1, 2 or 4 bytes (RFC 9420 §2.1.2). */
function readVector(bytes: Uint8Array, at: number): { readonly value: Uint8Array; readonly end: number } | undefined {
  const first = bytes[at];
  if (first === undefined || first >= 0xc0) return undefined;
  const lengthBytes = 1 << (first >> 6);
  let length = first & 0x3f;
  for (const byte of bytes.subarray(at + 1, at + lengthBytes)) length = length * 256 + byte;
  const end = at + lengthBytes + length;
  return end > bytes.length ? undefined : { value: bytes.subarray(at + lengthBytes, end), end };
}
