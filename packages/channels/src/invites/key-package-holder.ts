/** An MLSMessage: version and kind; then, of a key package, version and cipher suite (RFC 9420 §6, §10). */
const HEADER_BYTES = 8;

/** What a group will know the holder of a key package by. */
export interface KeyPackageHolder {
  readonly signatureKey: Uint8Array;
  /** `undefined` unless its credential is a basic one (RFC 9420 §5.3). */
  readonly identity: Uint8Array | undefined;
}

const BASIC_CREDENTIAL = 1;

/** The holder of a key package; `undefined` for bytes that aren't one. Nothing else of it is read or checked. */
export function holderOf(keyPackage: Uint8Array): KeyPackageHolder | undefined {
  const initKey = readVector(keyPackage, HEADER_BYTES);
  const encryptionKey = initKey && readVector(keyPackage, initKey.end);
  const signatureKey = encryptionKey && readVector(keyPackage, encryptionKey.end);
  if (signatureKey === undefined) return undefined;
  const { value, end } = signatureKey;
  const isBasic = keyPackage[end] === 0 && keyPackage[end + 1] === BASIC_CREDENTIAL;
  return { signatureKey: value, identity: isBasic ? readVector(keyPackage, end + 2)?.value : undefined };
}

/** The signature key of {@link holderOf}. */
export function signatureKeyIn(keyPackage: Uint8Array): Uint8Array | undefined {
  return holderOf(keyPackage)?.signatureKey;
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
