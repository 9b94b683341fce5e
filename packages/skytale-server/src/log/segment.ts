import type { PublisherBytes } from "./log-keys.ts";

/** Largest number of bytes, entries and publishers of a segment. A body that is larger has a segment of its own. */
const MAX_BYTES = 256 * 1024;
const MAX_ENTRIES = 1024;
/** Each takes 12 bytes of the segment's key. */
const MAX_PUBLISHERS = 16;

const LENGTH = 4;

/** Entries that lie in one record: what one commit appends to a channel costs little more than one write. */
export interface Segment {
  readonly last: number;
  readonly bytes: number;
  readonly bodies: readonly Uint8Array[];
  readonly publishers: readonly PublisherBytes[];
}

/**
 * Divides entries into segments.
 *
 * @param first sequence number of the first entry.
 * @param publishers the publisher of each entry.
 */
export function segmentsOf(first: number, bodies: readonly Uint8Array[], publishers: readonly number[]): Segment[] {
  const segments: Segment[] = [];
  let start = 0;
  let bytes = 0;
  let shares = new Map<number, number>();
  const end = (at: number): void => {
    const own = Array.from(shares, ([publisher, share]) => ({ publisher, bytes: share }));
    segments.push({ last: first + at - 1, bytes, bodies: bodies.slice(start, at), publishers: own });
    start = at;
    bytes = 0;
    shares = new Map();
  };
  for (const [at, { length }] of bodies.entries()) {
    const publisher = publishers[at] ?? 0;
    const isFull = at - start >= MAX_ENTRIES || bytes + length > MAX_BYTES || (shares.size >= MAX_PUBLISHERS && !shares.has(publisher));
    if (at > start && isFull) end(at);
    bytes += length;
    shares.set(publisher, (shares.get(publisher) ?? 0) + length);
  }
  if (start < bodies.length) end(bodies.length);
  return segments;
}

export function encodeSegment({ bytes, bodies }: Segment): Buffer {
  const record = Buffer.allocUnsafe(bytes + bodies.length * LENGTH);
  let at = 0;
  for (const body of bodies) {
    at = record.writeUInt32LE(body.length, at);
    record.set(body, at);
    at += body.length;
  }
  return record;
}

/** Views of the bodies in a record; `undefined` when it is damaged. */
export function decodeSegment(record: Uint8Array, count: number): Uint8Array[] | undefined {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  const bodies: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + LENGTH;
    const end = start <= bytes.length ? start + bytes.readUInt32LE(at) : start;
    if (end > bytes.length) break;
    bodies.push(bytes.subarray(start, end));
    at = end;
  }
  return bodies.length === count ? bodies : undefined;
}
