import * as zlib from "node:zlib";

/** Ends each record with a checksum. None of these bytes occurs in UTF-8, so that a text record without a checksum never ends like this. */
const MARK = Buffer.from([0xf9, 0xfe, 0xc1, 0xfb, 0xf8, 0xff, 0xc0, 0xfd]);
const CRC_BYTES = 4;
/** Number of wrong bits up to which the mark is recognized as damaged. A random record matches with a probability of 10^-11. */
const MAX_WRONG_BITS = 6;

/** Bytes that a checksum adds to a record. */
export const TRAILER_BYTES: number = CRC_BYTES + MARK.length;

/** The format of the records in a data directory. */
export type RecordFormat =
  /** Each record has a checksum. */
  | "checked"
  /** Records of earlier versions have no checksum. */
  | "mixed";

/** CRC-32 of a table's name, for {@link writeChecked} and {@link readChecked}, so that a record of another table does not match. */
export function tableSeed(name: string): number {
  return zlib.crc32(`${name}\0`);
}

/** Writes a value, and the CRC-32 of table, key and value, to `record`, which must be {@link TRAILER_BYTES} longer than the value. */
export function writeChecked(record: Buffer, seed: number, key: Uint8Array, value: Uint8Array): void {
  record.set(value);
  record.writeUInt32LE(zlib.crc32(value, zlib.crc32(key, seed)), value.length);
  record.set(MARK, value.length + CRC_BYTES);
}

/** Returns the record without its checksum; `undefined` if it is damaged. */
export function readChecked(seed: number, key: Uint8Array, record: Uint8Array, format: RecordFormat): Uint8Array | undefined {
  const length = record.length - TRAILER_BYTES;
  const wrongBits = length < 0 ? Number.POSITIVE_INFINITY : wrongBitsOfMark(record, length + CRC_BYTES);
  if (wrongBits > 0) return format === "mixed" && wrongBits > MAX_WRONG_BITS ? record : undefined;
  const value = record.subarray(0, length);
  const found = new DataView(record.buffer, record.byteOffset + length, CRC_BYTES).getUint32(0, true);
  return zlib.crc32(value, zlib.crc32(key, seed)) === found ? value : undefined;
}

function wrongBitsOfMark(record: Uint8Array, at: number): number {
  let count = 0;
  for (let index = 0; index < MARK.length; index++) {
    for (let bits = (record[at + index] ?? 0) ^ (MARK[index] ?? 0); bits !== 0; bits &= bits - 1) count++;
  }
  return count;
}
