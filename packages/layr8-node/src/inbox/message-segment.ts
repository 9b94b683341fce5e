import * as zlib from "node:zlib";

/** An entry of the directory at the start of a segment: offset and end of a message's record, and its CRC-32. */
const ENTRY_BYTES = 12;

/** Maximum messages of a segment, so that its key, with a place for each, is shorter than LMDB's limit of 1,978 bytes. */
export const MAX_SEGMENT_MESSAGES = 64;
/** A segment of at least this size, in bytes, accepts no further messages. Larger records need contiguous free pages, which fragments the file. */
export const MAX_SEGMENT_BYTES: number = 32 * 1024;

/**
 * Joins the records of several messages to one. A single message is stored as it is, as in earlier versions. Each message has a checksum, so
 * that the others are still readable if one is damaged.
 */
export function encodeSegment(records: readonly Buffer[]): Buffer {
  const [first] = records;
  if (first !== undefined && records.length === 1) return first;
  const start = records.length * ENTRY_BYTES;
  const segment = Buffer.allocUnsafe(records.reduce((sum, { length }) => sum + length, start));
  let at = start;
  for (const [index, record] of records.entries()) {
    const entry = index * ENTRY_BYTES;
    segment.writeUInt32LE(at, entry);
    segment.writeUInt32LE(at + record.length, entry + 4);
    segment.writeUInt32LE(zlib.crc32(record), entry + 8);
    segment.set(record, at);
    at += record.length;
  }
  return segment;
}

/** The record of one message of a segment of `count` messages; `undefined` if the directory is damaged. */
export function recordAt(segment: Uint8Array, index: number, count: number): Uint8Array | undefined {
  if (count === 1) return segment;
  const bytes = Buffer.from(segment.buffer, segment.byteOffset, segment.byteLength);
  const entry = index * ENTRY_BYTES;
  if (bytes.length < count * ENTRY_BYTES) return undefined;
  const [from, to] = [bytes.readUInt32LE(entry), bytes.readUInt32LE(entry + 4)];
  return from >= count * ENTRY_BYTES && from < to && to <= bytes.length ? bytes.subarray(from, to) : undefined;
}

/** The record of one message of a damaged segment; `undefined` if it may be damaged itself. That of a segment of one message always may. */
export function intactRecordAt(segment: Uint8Array, index: number, count: number): Uint8Array | undefined {
  if (count === 1) return undefined;
  const record = recordAt(segment, index, count);
  if (record === undefined) return undefined;
  const checksum = Buffer.from(segment.buffer, segment.byteOffset, segment.byteLength).readUInt32LE(index * ENTRY_BYTES + 8);
  return zlib.crc32(record) === checksum ? record : undefined;
}
