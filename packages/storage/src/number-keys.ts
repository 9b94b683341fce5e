/** Bytes of a number in a key: six, which is enough for counters and for milliseconds. */
export const NUMBER_BYTES = 6;

/** Encodes numbers as a key, big-endian, so that keys sort like the numbers. A key that is a prefix of another one sorts first. */
export function numbersKey(...numbers: readonly number[]): Buffer {
  const key = Buffer.allocUnsafe(numbers.length * NUMBER_BYTES);
  let at = 0;
  for (const number of numbers) at = key.writeUIntBE(number, at, NUMBER_BYTES);
  return key;
}

/** Decodes the number at an index of a key, from 0. */
export function numberAt(key: Uint8Array, index: number): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(index * NUMBER_BYTES, NUMBER_BYTES);
}
