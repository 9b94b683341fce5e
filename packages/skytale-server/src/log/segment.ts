/** Largest number of bytes and entries of a segment. A body that is larger has a segment of its own. */
const MAX_BYTES = 256 * 1024;
const MAX_ENTRIES = 1024;

const LENGTH = 4;

/** Whether members can do without an entry. Commits and proposals are `handshake`: members need them, in their order, to follow the group. */
export type EntryKind = "application" | "handshake";

/** An entry before it is stored. */
export interface NewBody<Publisher> {
  readonly body: Uint8Array;
  readonly publisher: Publisher;
  readonly kind: EntryKind;
}

/** Entries of one publisher and one kind that lie in one record, and go together. */
export interface Segment<Publisher> {
  readonly last: number;
  readonly bytes: number;
  readonly bodies: readonly Uint8Array[];
  readonly publisher: Publisher;
  readonly kind: EntryKind;
}

/**
 * Divides entries into segments.
 *
 * @param first sequence number of the first entry.
 */
export function segmentsOf<Publisher>(first: number, entries: readonly NewBody<Publisher>[]): Segment<Publisher>[] {
  const segments: Segment<Publisher>[] = [];
  let open: { bodies: Uint8Array[]; bytes: number; publisher: Publisher; kind: EntryKind } | undefined;
  const end = (at: number): void => {
    // The spread comes last: see "Objects" in bench/README.md.
    if (open !== undefined) segments.push({ last: first + at - 1, ...open });
  };
  for (const [at, { body, publisher, kind }] of entries.entries()) {
    const fits =
      open !== undefined &&
      open.publisher === publisher &&
      open.kind === kind &&
      open.bodies.length < MAX_ENTRIES &&
      open.bytes + body.length <= MAX_BYTES;
    if (open === undefined || !fits) {
      end(at);
      open = { bodies: [], bytes: 0, publisher, kind };
    }
    open.bodies.push(body);
    open.bytes += body.length;
  }
  end(entries.length);
  return segments;
}

export function encodeSegment({ bytes, bodies }: Pick<Segment<unknown>, "bytes" | "bodies">): Buffer {
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
