/** Bytes of a number in a key: six, big-endian, so that keys sort as the numbers do. */
const NUMBER = 6;
/** The latest time that a key can hold. */
const MAX_TIME = 2 ** 48 - 1;

/** A message's place, with all that an inbox must know of it without reading it. */
export interface MessageKey {
  readonly box: number;
  readonly seq: number;
  /** Characters of its plaintext. */
  readonly length: number;
  /** Milliseconds since 1970. Absent in keys of earlier versions. */
  readonly expiresAt?: number | undefined;
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

export function messageKey({ box, seq, length, expiresAt }: MessageKey): Buffer {
  return expiresAt === undefined ? numbersKey(box, seq, length) : numbersKey(box, seq, length, expiresAt);
}

export function readMessageKey(key: Uint8Array): MessageKey {
  const expiresAt = key.length < 4 * NUMBER ? undefined : numberAt(key, 3);
  return { box: numberAt(key, 0), seq: numberAt(key, 1), length: numberAt(key, 2), expiresAt };
}

/** A time that fits into a key. */
export function storableTime(time: number): number {
  return Math.min(MAX_TIME, Math.max(0, Math.ceil(time)));
}

/** First byte of a box' record; records of earlier versions are the DID alone. */
const DATED = 1;

/** A box' record: its recipient, and a time before which none of its messages expires. */
export interface BoxRecord {
  readonly recipient: string;
  readonly expiresAt: number;
}

export function encodeBox({ recipient, expiresAt }: BoxRecord): Buffer {
  return Buffer.concat([Buffer.of(DATED), numbersKey(expiresAt), Buffer.from(recipient)]);
}

export function decodeBox(value: Uint8Array): BoxRecord {
  const record = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (record[0] !== DATED) return { recipient: record.toString(), expiresAt: 0 };
  return { recipient: record.toString("utf8", 1 + NUMBER), expiresAt: numberAt(record.subarray(1), 0) };
}
