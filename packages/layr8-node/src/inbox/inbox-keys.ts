import { NUMBER_BYTES, numberAt, numbersKey } from "@parley/storage";

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

export function messageKey({ box, seq, length, expiresAt }: MessageKey): Buffer {
  return expiresAt === undefined ? numbersKey(box, seq, length) : numbersKey(box, seq, length, expiresAt);
}

export function readMessageKey(key: Uint8Array): MessageKey {
  const expiresAt = key.length < 4 * NUMBER_BYTES ? undefined : numberAt(key, 3);
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
  return { recipient: record.toString("utf8", 1 + NUMBER_BYTES), expiresAt: numberAt(record.subarray(1), 0) };
}
