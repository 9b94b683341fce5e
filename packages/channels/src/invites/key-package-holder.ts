/** Version and wire format of an MLSMessage, then version and cipher suite of the key package (RFC 9420 §6, §10). */
const HEADER_BYTES = 8;

/** The signature key and identity that a key package gives its future member. */
export interface KeyPackageHolder {
  readonly signatureKey: Uint8Array;
  /** `undefined` unless its credential is a basic one (RFC 9420 §5.3). */
  readonly identity: Uint8Array | undefined;
}

const BASIC_CREDENTIAL = 1;

/** The holder of a key package; `undefined` for malformed bytes. Nothing is verified: the engine does that when it adds the member. */
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

/** Reads a vector with its variable-size length of 1, 2 or 4 bytes (RFC 9420 §2.1.2). */
function readVector(bytes: Uint8Array, at: number): { readonly value: Uint8Array; readonly end: number } | undefined {
  const first = bytes[at];
  if (first === undefined || first >= 0xc0) return undefined;
  const lengthBytes = 1 << (first >> 6);
  let length = first & 0x3f;
  for (const byte of bytes.subarray(at + 1, at + lengthBytes)) length = length * 256 + byte;
  const end = at + lengthBytes + length;
  return end > bytes.length ? undefined : { value: bytes.subarray(at + lengthBytes, end), end };
}
