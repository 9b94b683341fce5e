import { NUMBER_BYTES, numbersKey } from "@parley/storage";
import type { EntryKind } from "./segment.ts";

/** The bytes of one publisher's entries in one segment. */
export interface PublisherBytes {
  /** The number that stands for the publisher in keys of segments. */
  readonly publisher: number;
  readonly bytes: number;
}

/** Key of a segment. It contains everything about the segment that retention needs. */
export interface SegmentKey {
  readonly channel: number;
  /** Sequence of its last entry. */
  readonly last: number;
  readonly count: number;
  /** Bytes of its bodies. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
  /** Bytes by publisher: one, but several or none in keys of older versions. */
  readonly publishers: readonly PublisherBytes[];
  /** `evicted`: the segment represents evicted entries. `unknown`: an older version has written it. */
  readonly kind: EntryKind | "evicted" | "unknown";
}

/** Numbers of a key before those of its publishers, which are two each. */
const FIXED = 5;
const EVICTED_LENGTH = (FIXED + 1) * NUMBER_BYTES;
const COUNTED_LENGTH = (FIXED + 3) * NUMBER_BYTES;
const KINDS: readonly EntryKind[] = ["application", "handshake"];

/**
 * The last sequence stands before the others, so that the segment which holds a sequence is the first from that on. After the five fixed
 * numbers: the publisher, its bytes and the kind; for evicted entries a 0. Older versions wrote pairs of publisher and bytes, which have
 * another length.
 */
export function segmentKey({ channel, last, count, bytes, recordedAt, publishers, kind }: SegmentKey): Buffer {
  if (kind === "evicted") return numbersKey(channel, last, count, bytes, recordedAt, 0);
  const pairs = publishers.flatMap(({ publisher, bytes: own }) => [publisher, own]);
  return numbersKey(channel, last, count, bytes, recordedAt, ...pairs, ...(kind === "unknown" ? [] : [KINDS.indexOf(kind)]));
}

export function readSegmentKey(key: Uint8Array): SegmentKey {
  const bytes = view(key);
  return {
    channel: at(bytes, 0),
    last: at(bytes, 1),
    count: at(bytes, 2),
    bytes: at(bytes, 3),
    recordedAt: at(bytes, 4),
    publishers: readPublishers(bytes),
    kind: readKind(bytes),
  };
}

function readKind(key: Buffer): SegmentKey["kind"] {
  if (key.length === EVICTED_LENGTH) return "evicted";
  return (key.length === COUNTED_LENGTH ? KINDS[at(key, FIXED + 2)] : undefined) ?? "unknown";
}

function readPublishers(key: Buffer): PublisherBytes[] {
  const publishers: PublisherBytes[] = [];
  for (let index = FIXED; (index + 2) * NUMBER_BYTES <= key.length; index += 2)
    publishers.push({ publisher: at(key, index), bytes: at(key, index + 1) });
  return publishers;
}

/** As `numberAt`, without an object for each number. */
function at(key: Buffer, index: number): number {
  return key.readUIntBE(index * NUMBER_BYTES, NUMBER_BYTES);
}

/** Key of the commit on record for an epoch. */
export function commitKey(channel: number, epoch: bigint): Buffer {
  const key = Buffer.allocUnsafe(NUMBER_BYTES + 8);
  key.writeUIntBE(channel, 0, NUMBER_BYTES);
  key.writeBigUInt64BE(epoch, NUMBER_BYTES);
  return key;
}

export function epochOf(key: Uint8Array): bigint {
  return view(key).readBigUInt64BE(NUMBER_BYTES);
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
