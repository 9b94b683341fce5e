/** The content of a signature or hash: values, each after its length (4 bytes, big-endian), so that no two lists read the same. */
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
