/** Bytes of a number in a key: six, big-endian, so that keys sort as the numbers do. */
const NUMBER = 6;

/** A message's place: its box, its seq, and the length of its plaintext, which an inbox that opens learns without reading messages. */
export interface MessageKey {
  readonly box: number;
  readonly seq: number;
  readonly length: number;
}

/** Numbers as a key. */
export function numbersKey(...numbers: readonly number[]): Buffer {
  const key = Buffer.allocUnsafe(NUMBER * numbers.length);
  let at = 0;
  for (const number of numbers) at = key.writeUIntBE(number, at, NUMBER);
  return key;
}

/** The number at a place of a key, from 0. */
export function numberAt(key: Uint8Array, index: number): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(index * NUMBER, NUMBER);
}

export function messageKey({ box, seq, length }: MessageKey): Buffer {
  return numbersKey(box, seq, length);
}

export function readMessageKey(key: Uint8Array): MessageKey {
  return { box: numberAt(key, 0), seq: numberAt(key, 1), length: numberAt(key, 2) };
}
