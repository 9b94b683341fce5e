/** A number's bytes at a fixed length; `undefined` when it doesn't fit. The same array when nothing is missing. */
export function leftPad(bytes: Uint8Array, length: number): Uint8Array | undefined {
  if (bytes.length === length) return bytes;
  if (bytes.length > length) return undefined;
  const padded = new Uint8Array(length);
  padded.set(bytes, length - bytes.length);
  return padded;
}
