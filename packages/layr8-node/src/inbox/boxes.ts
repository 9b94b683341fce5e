import { TimeSlice, ChurnMap } from "@parley/core/internal";
import { isRecordDamaged, numberAt, numbersKey, type Environment, type Table, type WriteQueue } from "@parley/storage";
import { Deadlines } from "../deadlines.ts";
import type { Depth } from "./inbox.ts";
import { decodeBox, recordKey } from "./inbox-keys.ts";
import { decodeMessage } from "./message-record.ts";
import { OwnerUsage } from "./owner-usage.ts";
import type { Segments, StoredMessage } from "./segments.ts";

/** Maximum boxes and messages whose keys are in memory; others are read from disk again when needed. */
const MAX_OPEN_BOXES = 10_000;
const MAX_OPEN_MESSAGES = 500_000;
/** Empty boxes, and those above the limit, are closed in batches: interval in uses, and batch size. */
const SWEEP_EVERY = 512;
const SWEEP_BOXES = 512;

/** In-memory state of a box in use. */
export interface Contents {
  readonly box: StoredBox;
  /** Place of each message by seq, pending appends included, pending removals excluded. */
  readonly messages: ChurnMap<number, StoredMessage>;
  /** Characters of all plaintexts. */
  length: number;
  /** Failed deliveries by seq; few messages have any. */
  readonly attempts: ChurnMap<number, number>;
  /** Pending removals by seq. Others that settle the same message wait for the first. */
  readonly removing: ChurnMap<number, Promise<void>>;
  /** Number of pending appends. */
  appending: number;
}

/** The box of one recipient, and its record. */
export interface StoredBox {
  readonly id: number;
  readonly recipient: string;
  /** No message expires before this time, in milliseconds since 1970. */
  expiresAt: number;
  /** The value of `expiresAt` on disk; infinite while the record of the box is not durable. */
  recordedExpiresAt: number;
  contents: Contents | undefined;
  /** The owner of the recipient's DID. */
  owner: string | undefined;
  /** Number and length of its messages, as known without its contents: from its last record. */
  messages: number;
  length: number;
}

/**
 * The boxes of an inbox. In memory for each box with messages: its recipient and a time before which none of them expires. The keys of its
 * messages are in memory only while it is in use.
 */
export class Boxes {
  readonly #writes: WriteQueue;
  readonly #messages: Table;
  readonly #attempts: Table;
  readonly #records: Table;
  readonly #counts: Table;
  readonly #segments: Segments;
  readonly #ownerOf: (recipient: string) => string | undefined;
  /** Usage of all DIDs of each owner. */
  readonly usage: OwnerUsage = new OwnerUsage();
  /** Boxes whose counts on disk are out of date. */
  readonly #uncounted = new Set<StoredBox>();
  readonly #byRecipient = new Map<string, StoredBox>();
  /** Boxes with contents in memory, in the order of opening. */
  readonly #open = new Map<string, StoredBox & { contents: Contents }>();
  readonly #deadlines: Deadlines<StoredBox>;
  #openMessages = 0;
  #total = 0;
  #totalLength = 0;
  #uses = 0;

  constructor(
    environment: Environment,
    tables: { readonly messages: Table; readonly attempts: Table; readonly records: Table; readonly counts: Table },
    segments: Segments,
    { now, ownerOf }: { readonly now: number; readonly ownerOf: (recipient: string) => string | undefined },
  ) {
    this.#writes = environment.writes;
    this.#messages = tables.messages;
    this.#attempts = tables.attempts;
    this.#records = tables.records;
    this.#counts = tables.counts;
    this.#segments = segments;
    this.#ownerOf = ownerOf;
    this.#deadlines = new Deadlines(now);
  }

  /** Usage of all boxes, as known without their contents. */
  get total(): Depth {
    return { messages: this.#total, length: this.#totalLength };
  }

  /** Number of boxes whose contents are in memory. */
  get open(): number {
    return this.#open.size;
  }

  /**
   * Reads the records of boxes, but no messages.
   *
   * @returns the highest number in use.
   */
  load(): number {
    let last = 0;
    const damaged: Uint8Array[] = [];
    const counts = new CountReader(this.#counts, (id) => this.#writes.remove(this.#counts, numbersKey(id)));
    for (const { key, value } of this.#records.getRange({ onDamaged: (bad) => damaged.push(Uint8Array.from(bad)) })) {
      const id = numberAt(key, 0);
      const { recipient, expiresAt } = decodeBox(value);
      const { messages, length } = counts.of(id);
      const owner = this.#ownerOf(recipient);
      const box: StoredBox = { id, recipient, expiresAt, recordedExpiresAt: expiresAt, contents: undefined, owner, messages, length };
      this.usage.change(owner, messages, length);
      this.#total += messages;
      this.#totalLength += length;
      // Left over from an empty box that was replaced.
      const former = this.#byRecipient.get(recipient);
      if (former !== undefined) {
        this.#writes.remove(this.#records, numbersKey(former.id));
        this.usage.change(former.owner, -former.messages, -former.length);
        this.#total -= former.messages;
        this.#totalLength -= former.length;
      }
      this.#byRecipient.set(recipient, box);
      this.#deadlines.add(box);
      last = Math.max(last, id);
    }
    for (const key of damaged) {
      const id = numberAt(key, 0);
      last = Math.max(last, id);
      // The recipient of these messages is unknown.
      for (const message of this.#messages.getKeys({ start: numbersKey(id), end: numbersKey(id + 1) })) {
        this.#messages.setAside(this.#writes, message);
      }
      this.#records.setAside(this.#writes, key);
    }
    return last;
  }

  find(recipient: string): StoredBox | undefined {
    return this.#byRecipient.get(recipient);
  }

  create(recipient: string, id: number): StoredBox {
    const box: StoredBox = {
      id,
      recipient,
      expiresAt: Number.POSITIVE_INFINITY,
      recordedExpiresAt: Number.POSITIVE_INFINITY,
      contents: undefined,
      owner: this.#ownerOf(recipient),
      messages: 0,
      length: 0,
    };
    box.contents = emptyContents(box);
    this.#byRecipient.set(recipient, box);
    this.#open.set(recipient, box as StoredBox & { contents: Contents });
    return box;
  }

  /** The contents of a box, read from disk if they aren't in memory. */
  contentsOf(box: StoredBox): Contents {
    if (++this.#uses % SWEEP_EVERY === 0) this.#sweep(box);
    if (box.contents !== undefined) return box.contents;
    const contents = emptyContents(box);
    for (const found of this.#segments.load(box.id)) {
      contents.messages.set(found.seq, found);
      contents.length += found.length;
    }
    for (const { key, value } of this.#attempts.getRange(rangeOf(box))) {
      contents.attempts.set(numberAt(key, 1), Buffer.from(value).readUInt32LE(0));
    }
    box.contents = contents;
    this.#count(box, contents.messages.size - box.messages, contents.length - box.length);
    this.#openMessages += contents.messages.size;
    this.#open.set(box.recipient, box as StoredBox & { contents: Contents });
    return contents;
  }

  add(contents: Contents, message: StoredMessage): void {
    contents.messages.set(message.seq, message);
    contents.length += message.length;
    this.#openMessages += 1;
    // A DID that was removed and created again may have another owner.
    if (contents.box.messages === 0) contents.box.owner = this.#ownerOf(contents.box.recipient);
    this.#count(contents.box, 1, message.length);
  }

  /** @returns the removed message. */
  remove(contents: Contents, seq: number): StoredMessage | undefined {
    const message = contents.messages.get(seq);
    if (message === undefined) return undefined;
    contents.messages.delete(seq);
    contents.length -= message.length;
    this.#openMessages -= 1;
    this.#count(contents.box, -1, -message.length);
    return message;
  }

  /** Usage of all inboxes of a recipient's owner. */
  ownerDepth(recipient: string): Depth {
    const box = this.#byRecipient.get(recipient);
    return this.usage.of(box === undefined || box.messages === 0 ? this.#ownerOf(recipient) : box.owner);
  }

  /** Writes the counts of boxes changed since the last call, so that a start needs not read their keys. The caller flushes. */
  async recordCounts(): Promise<void> {
    const slice = new TimeSlice();
    for (const box of this.#uncounted) {
      if (slice.isOver) await slice.next();
      this.#uncounted.delete(box);
      const { id, messages, length } = box;
      if (messages === 0) this.#writes.remove(this.#counts, numbersKey(id));
      else this.#writes.put(this.#counts, numbersKey(id), numbersKey(messages, length));
    }
  }

  #count(box: StoredBox, messages: number, length: number): void {
    if (messages === 0 && length === 0) return;
    box.messages += messages;
    box.length += length;
    this.#total += messages;
    this.#totalLength += length;
    this.usage.change(box.owner, messages, length);
    this.#uncounted.add(box);
  }

  /** Records that the box gets a message with this expiry. */
  expects(box: StoredBox, expiresAt: number): void {
    if (expiresAt < box.expiresAt) this.#setExpiry(box, expiresAt);
  }

  /** Yields the boxes with expired messages. Each is yielded again a second later, until these are removed. */
  async *expired(now: number): AsyncGenerator<StoredBox> {
    const slice = new TimeSlice();
    for (const box of this.#deadlines.due(now)) {
      if (slice.isOver) await slice.next();
      if (this.#byRecipient.get(box.recipient) !== box) continue;
      const contents = this.contentsOf(box);
      const isEmpty = contents.messages.size === 0;
      if (isEmpty && isIdle(contents)) {
        this.#forget(box);
        continue;
      }
      // An empty box is checked again when its removals are complete.
      this.#setExpiry(box, isEmpty ? now : this.#earliest(box, contents));
      if (!isEmpty && box.expiresAt <= now) yield box;
    }
  }

  #setExpiry(box: StoredBox, expiresAt: number): void {
    this.#deadlines.delete(box);
    box.expiresAt = expiresAt;
    this.#deadlines.add(box);
  }

  #earliest(box: StoredBox, { messages }: Contents): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const [, message] of messages) earliest = Math.min(earliest, message.expiresAt ?? this.#readExpiry(box, message));
    return earliest;
  }

  /** Reads the expiry of a message of an earlier version. A damaged one counts as expired: reading it sets it aside. */
  #readExpiry(box: StoredBox, message: StoredMessage): number {
    try {
      const value = this.#messages.get(recordKey(box.id, [message]));
      return value === undefined ? Number.POSITIVE_INFINITY : decodeMessage(box.recipient, value).expiresAt;
    } catch (error) {
      if (isRecordDamaged(error)) return 0;
      throw error;
    }
  }

  #forget(box: StoredBox): void {
    this.#open.delete(box.recipient);
    this.#byRecipient.delete(box.recipient);
    this.#deadlines.delete(box);
    if (box.recordedExpiresAt !== Number.POSITIVE_INFINITY) this.#writes.remove(this.#records, numbersKey(box.id));
  }

  /** Removes empty boxes, a batch at a time, and closes others if there are too many. Remaining ones are moved to the end of the queue. */
  #sweep(inUse: StoredBox): void {
    let left = Math.min(this.#open.size, SWEEP_BOXES);
    for (const box of this.#open.values()) {
      if (left-- === 0) return;
      this.#open.delete(box.recipient);
      const { contents } = box;
      if (box === inUse || !isIdle(contents)) {
        this.#open.set(box.recipient, box);
      } else if (contents.messages.size === 0) {
        this.#forget(box);
      } else if (this.#open.size >= MAX_OPEN_BOXES || this.#openMessages > MAX_OPEN_MESSAGES) {
        this.#openMessages -= contents.messages.size;
        (box as StoredBox).contents = undefined;
      } else {
        this.#open.set(box.recipient, box);
      }
    }
  }
}

/** Reads the counts of boxes in id order, and reports those without a box. */
class CountReader {
  readonly #records: Iterator<{ readonly key: Uint8Array; readonly value: Uint8Array }, unknown>;
  readonly #onGone: (id: number) => void;
  #next: { readonly id: number; readonly messages: number; readonly length: number } | undefined;

  constructor(table: Table, onGone: (id: number) => void) {
    this.#records = table.getRange({ onDamaged: (key) => onGone(numberAt(key, 0)) })[Symbol.iterator]();
    this.#onGone = onGone;
    this.#read();
  }

  of(id: number): Depth {
    for (; this.#next !== undefined && this.#next.id < id; this.#read()) this.#onGone(this.#next.id);
    return this.#next?.id === id ? this.#next : { messages: 0, length: 0 };
  }

  #read(): void {
    const next = this.#records.next();
    if (next.done === true) {
      this.#next = undefined;
      return;
    }
    const { key, value } = next.value;
    this.#next = { id: numberAt(key, 0), messages: numberAt(value, 0), length: numberAt(value, 1) };
  }
}

function emptyContents(box: StoredBox): Contents {
  return { box, messages: new ChurnMap(), length: 0, attempts: new ChurnMap(), removing: new ChurnMap(), appending: 0 };
}

function isIdle({ removing, appending }: Contents): boolean {
  return removing.size === 0 && appending === 0;
}

function rangeOf({ id }: StoredBox): { start: Uint8Array; end: Uint8Array } {
  return { start: numbersKey(id), end: numbersKey(id + 1) };
}
