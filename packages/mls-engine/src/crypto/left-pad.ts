/** Pads a big-endian number with zeros to a fixed length; `undefined` if it is longer. Returns the same array if it has that length. */
export function leftPad(bytes: Uint8Array, length: number): Uint8Array | undefined {
  if (bytes.length === length) return bytes;
  if (bytes.length > length) return undefined;
  const padded = new Uint8Array(length);
  padded.set(bytes, length - bytes.length);
  return padded;
}
