/** Input of a signature or hash: each value is preceded by its length (4 bytes, big-endian), so that the encoding is unambiguous. */
export function fields(...values: readonly (Uint8Array | string)[]): Uint8Array {
  return Buffer.concat(
    values.flatMap((value) => {
      const bytes = Buffer.from(value);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
