import { NUMBER_BYTES, numberAt, numbersKey } from "@parley/storage";

/** The latest time that a key can hold. */
const MAX_TIME = 2 ** 48 - 1;

/** The data of a message that an inbox needs without reading the message. */
export interface MessagePlace {
  readonly seq: number;
  /** Characters of its plaintext. */
  readonly length: number;
  /** Milliseconds since 1970. Absent in keys of earlier versions. */
  readonly expiresAt?: number | undefined;
}

/** Numbers of a place, if it has an expiry. */
const PLACE_NUMBERS = 3;
const PLACE_BYTES = PLACE_NUMBERS * NUMBER_BYTES;

/**
 * The key of a record of the table `messages`: the box, and the place of each message in the record. The last message comes first, so that
 * a range that starts at a seq finds the record that contains it.
 *
 * @param places in ascending order.
 */
export function recordKey(box: number, places: readonly MessagePlace[]): Buffer {
  const last = places.at(-1);
  if (last === undefined) throw new TypeError("A record has at least one message");
  if (last.expiresAt === undefined) return numbersKey(box, last.seq, last.length);
  if (places.length === 1) return numbersKey(box, last.seq, last.length, last.expiresAt);
  const numbers = [box, last.seq, last.length, last.expiresAt];
  for (let index = 0; index < places.length - 1; index++) {
    const { seq, length, expiresAt = 0 } = places[index] as MessagePlace;
    numbers.push(seq, length, expiresAt);
  }
  return numbersKey(...numbers);
}

/** The places of the messages in a record, in ascending order. */
export function readRecordKey(key: Uint8Array): readonly MessagePlace[] {
  const last = placeAt(key, 0);
  const count = Math.floor((key.length - NUMBER_BYTES) / PLACE_BYTES);
  if (count <= 1) return [last];
  const places: MessagePlace[] = [];
  for (let index = 1; index < count; index++) places.push(placeAt(key, index));
  places.push(last);
  return places;
}

function placeAt(key: Uint8Array, index: number): MessagePlace {
  const at = 1 + index * PLACE_NUMBERS;
  const expiresAt = key.length < (at + PLACE_NUMBERS) * NUMBER_BYTES ? undefined : numberAt(key, at + 2);
  return { seq: numberAt(key, at), length: numberAt(key, at + 1), expiresAt };
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
