import * as zlib from "node:zlib";

/** Ends each record that has a checksum. None of these bytes occurs in UTF-8, so no record of text ends like this by itself. */
const MARK = Buffer.from([0xf9, 0xfe, 0xc1, 0xfb, 0xf8, 0xff, 0xc0, 0xfd]);
const CRC_BYTES = 4;
/** Bits of the mark that may be wrong: an older record ends like this by chance once in 10^11. */
const MAX_WRONG_BITS = 6;

/** Bytes that a checksum adds to a record. */
export const TRAILER_BYTES: number = CRC_BYTES + MARK.length;

/** Which records a data directory may hold. */
export type RecordFormat =
  /** Each one has a checksum. */
  | "checked"
  /** Those that an earlier version wrote have none. */
  | "mixed";

/** CRC-32 over a table's name, for {@link writeChecked} and {@link readChecked}: a record that turns up in another table doesn't match. */
export function tableSeed(name: string): number {
  return zlib.crc32(`${name}\0`);
}

/** Writes a value and the CRC-32 of table, key and value, which take {@link TRAILER_BYTES} more than the value, to `record`. */
export function writeChecked(record: Buffer, seed: number, key: Uint8Array, value: Uint8Array): void {
  record.set(value);
  record.writeUInt32LE(zlib.crc32(value, zlib.crc32(key, seed)), value.length);
  record.set(MARK, value.length + CRC_BYTES);
}

/** The record without its checksum; `undefined` when it is damaged. */
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
