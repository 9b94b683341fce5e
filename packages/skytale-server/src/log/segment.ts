/** Most bytes and entries of a segment; a body that is larger has one of its own. */
const MAX_BYTES = 256 * 1024;
const MAX_ENTRIES = 1024;

const LENGTH = 4;

/** Entries that lie in one record: what one commit appends to a channel costs little more than one write. */
export interface Segment {
  readonly last: number;
  readonly bytes: number;
  readonly bodies: readonly Uint8Array[];
}

/** Divides entries, the first of which has the given sequence, into segments. */
export function segmentsOf(first: number, bodies: readonly Uint8Array[]): Segment[] {
  const segments: Segment[] = [];
  for (let start = 0; start < bodies.length;) {
    let end = start;
    let bytes = 0;
    do bytes += bodies[end++]?.length ?? 0;
    while (end < bodies.length && end - start < MAX_ENTRIES && bytes + (bodies[end]?.length ?? 0) <= MAX_BYTES);
    segments.push({ last: first + end - 1, bytes, bodies: bodies.slice(start, end) });
    start = end;
  }
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
