import { numberAt, numbersKey, type Environment, type Table, type WriteQueue } from "@parley/storage";
import { type MessagePlace, readRecordKey, recordKey } from "./inbox-keys.ts";
import { encodeSegment, MAX_SEGMENT_BYTES, MAX_SEGMENT_MESSAGES } from "./message-segment.ts";

/** A message of a box in use. */
export interface StoredMessage extends MessagePlace {
  readonly box: number;
  /** The segment that contains it; `undefined` for a message with a record of its own. */
  segment: Segment | undefined;
  /** See `MessageToStore.receivedAt`. */
  readonly receivedAt?: number | undefined;
}

/** Several messages of one box in one record of the table `messages`. */
interface Segment {
  readonly box: number;
  /** In ascending order. Before it is written, without messages that were settled since. */
  messages: StoredMessage[];
  /** Until it is written: the records of the messages. */
  records: Buffer[] | undefined;
  /** Bytes of {@link records}. */
  bytes: number;
  /** Seqs of its settled messages. */
  readonly settled: Set<number>;
  /** Whether the table `settled` may have a record of it. */
  hasMarks: boolean;
}

/**
 * Writes and removes the messages of inboxes. Those of one box and one commit share a record, a segment, which is removed when all of its
 * messages are settled. Until then the table `settled` (box, last seq → seqs) has those that are. A message that is settled before its commit is not
 * written.
 *
 * With 64 requests in flight, two agents' messages of a commit take two puts and two removals instead of one each per message.
 */
export class Segments {
  readonly #writes: WriteQueue;
  readonly #messages: Table;
  readonly #settled: Table;
  /** Segments of the next commit. */
  #unwritten: Segment[] = [];
  /** Those that accept messages, by box. */
  readonly #open = new Map<number, Segment>();
  /** Segments with messages settled since the last commit. */
  readonly #touched = new Set<Segment>();

  constructor(environment: Environment, messages: Table) {
    this.#writes = environment.writes;
    this.#messages = messages;
    this.#settled = environment.table("settled");
    this.#writes.onBeforeCommit(() => this.#beforeCommit());
  }

  /** Adds a message to the next commit. */
  add(box: number, place: Required<MessagePlace>, record: Buffer, receivedAt?: number): StoredMessage {
    const { seq, length, expiresAt } = place;
    let segment = this.#open.get(box);
    if (segment?.records === undefined || segment.messages.length >= MAX_SEGMENT_MESSAGES || segment.bytes >= MAX_SEGMENT_BYTES) {
      segment = { box, messages: [], records: [], bytes: 0, settled: new Set(), hasMarks: false };
      this.#open.set(box, segment);
      this.#unwritten.push(segment);
      this.#writes.announce();
    }
    const message = { box, seq, length, expiresAt, segment, receivedAt };
    segment.messages.push(message);
    segment.records?.push(record);
    segment.bytes += record.length;
    return message;
  }

  /** Removes a message with the next commit. */
  remove(message: StoredMessage): void {
    const { segment, seq } = message;
    this.#writes.announce();
    if (segment === undefined) {
      this.#writes.remove(this.#messages, keyOf(message));
    } else if (segment.records === undefined) {
      segment.settled.add(seq);
      this.#touched.add(segment);
    } else {
      const index = segment.messages.indexOf(message);
      if (index !== -1) {
        const [dropped] = segment.records.splice(index, 1);
        segment.messages.splice(index, 1);
        segment.bytes -= dropped?.length ?? 0;
      }
    }
  }

  /** Takes back a removal whose commit failed. @returns whether the message is on disk. */
  restore(message: StoredMessage): boolean {
    const { segment, seq } = message;
    if (segment === undefined) return this.#messages.has(keyOf(message));
    if (!segment.messages.includes(message) || !this.#messages.has(recordKey(segment.box, segment.messages))) return false;
    segment.settled.delete(seq);
    return true;
  }

  /** The messages of a box, from the keys on disk. */
  *load(box: number): Generator<StoredMessage> {
    const range = { start: numbersKey(box), end: numbersKey(box + 1) };
    const marks = new Map<number, Set<number>>();
    for (const { key, value } of this.#settled.getRange(range)) marks.set(numberAt(key, 1), new Set(numbersOf(value)));
    for (const key of this.#messages.getKeys(range)) {
      const places = readRecordKey(key);
      const [first] = places;
      if (first !== undefined && places.length === 1) {
        yield { box, ...first, segment: undefined };
        continue;
      }
      const lastSeq = places.at(-1)?.seq ?? 0;
      const settled = marks.get(lastSeq);
      marks.delete(lastSeq);
      const hasMarks = settled !== undefined;
      const segment: Segment = { box, messages: [], records: undefined, bytes: 0, settled: settled ?? new Set(), hasMarks };
      segment.messages = places.map((place) => ({ box, ...place, segment }));
      for (const message of segment.messages) if (!segment.settled.has(message.seq)) yield message;
    }
    // Marks of a segment whose commit failed.
    for (const lastSeq of marks.keys()) this.#writes.remove(this.#settled, numbersKey(box, lastSeq));
  }

  /** Writes a message of a damaged segment, which the caller has set aside, to a record of its own. */
  separate(message: StoredMessage, record: Uint8Array): void {
    const { segment } = message;
    if (segment?.hasMarks === true) this.#writes.remove(this.#settled, marksKey(segment));
    message.segment = undefined;
    this.#writes.put(this.#messages, keyOf(message), Buffer.from(record));
  }

  #beforeCommit(): void {
    for (const segment of this.#touched) this.#writeMarks(segment);
    for (const segment of this.#unwritten) this.#write(segment);
    this.#touched.clear();
    this.#open.clear();
    this.#unwritten = [];
  }

  #write(segment: Segment): void {
    const { box, messages, records } = segment;
    segment.records = undefined;
    const [first] = messages;
    if (records === undefined || first === undefined) return;
    this.#writes.put(this.#messages, recordKey(box, messages), encodeSegment(records));
    if (messages.length === 1) first.segment = undefined;
  }

  #writeMarks(segment: Segment): void {
    const { box, messages, settled } = segment;
    if (settled.size < messages.length) {
      segment.hasMarks = true;
      // If the commit of the segment has failed, these marks are without a segment, and removed by the next load.
      this.#writes.put(this.#settled, marksKey(segment), numbersKey(...settled));
      return;
    }
    this.#writes.remove(this.#messages, recordKey(box, messages));
    if (segment.hasMarks) this.#writes.remove(this.#settled, marksKey(segment));
  }
}

function keyOf(message: StoredMessage): Buffer {
  return recordKey(message.box, [message]);
}

function marksKey({ box, messages }: Segment): Buffer {
  return numbersKey(box, messages.at(-1)?.seq ?? 0);
}

function* numbersOf(value: Uint8Array): Generator<number> {
  const count = value.length / numbersKey(0).length;
  for (let index = 0; index < count; index++) yield numberAt(value, index);
}
