import { ChurnMap } from "@parley/core/internal";
import { isRecordDamaged, numberAt, numbersKey, type Environment, StorageError, type Table, type WriteQueue } from "@parley/storage";
import type { Appending, AppendGroup } from "./appending.ts";
import { BoxReader } from "./box-reader.ts";
import { Boxes, type StoredBox, type Contents } from "./boxes.ts";
import type {
  Appended,
  Box,
  BoxListener,
  DamagedMessage,
  Depth,
  ExpiredMessages,
  Inbox,
  InboxLimits,
  InboxMessage,
  MessageToStore,
  ReadOptions,
} from "./inbox.ts";
import { encodeBox, storableTime } from "./inbox-keys.ts";
import { inboxMessage } from "./inbox-message.ts";
import { checkRoom, inboxLimits, type InboxOptions } from "./inbox-limits.ts";
import { encodeMessage } from "./message-record.ts";
import { OpenBoxes } from "./open-boxes.ts";
import { NO_USAGE } from "./owner-usage.ts";
import { expiredOf } from "./pages.ts";
import { type Fingerprint, fingerprintOf } from "./recent-messages.ts";
import type { MessageIdentity } from "./inbox.ts";
import { Segments, type StoredMessage } from "./segments.ts";
import { StoredRecentMessages } from "./stored-recent-messages.ts";

/** Number of seqs reserved at once. A restart skips the unused ones, and one append in half a block writes the floor. */
const SEQ_BLOCK = 1_000_000;
const FLOOR_KEY = Buffer.from("floor");

/** Interval for writing the counts of boxes, in milliseconds. */
const COUNT_MS = 60_000;

/** How long a settle may wait to share another write's flush, in milliseconds. No caller waits for it. */
const SETTLE_PATIENCE_MS = 20;

/**
 * Stores inboxes in a node's data directory.
 *
 * Tables: `messages` and `settled` (see {@link Segments}), `attempts` (box, seq → count), `boxes` (box → DID and earliest expiry),
 * `inbox-counts` (box → messages and characters, at most a minute old), `recent` and `recent-remote` (see {@link StoredRecentMessages}) and `inbox`
 * (the floor of seqs). Seqs and box numbers come from one counter of the node, so that an empty box can be removed completely. The counter
 * is in memory; the floor on disk is always above all stored numbers.
 */
export class LmdbInbox implements Inbox {
  readonly #limits: InboxLimits;
  readonly #now: () => number;
  readonly #writes: WriteQueue;
  readonly #messages: Table;
  readonly #attempts: Table;
  readonly #boxRecords: Table;
  readonly #counters: Table;
  readonly #local: StoredRecentMessages;
  readonly #remote: StoredRecentMessages;
  readonly #segments: Segments;
  readonly #boxes: Boxes;
  readonly #reader: BoxReader;
  readonly #open: OpenBoxes = new OpenBoxes({
    read: (recipient, options) => this.#read(recipient, options),
    settle: (recipient, seqs) => this.#settle(recipient, seqs),
    recordAttempts: (recipient, seq, attempts) => this.#recordAttempts(recipient, seq, attempts),
    depth: (recipient) => this.#depth(recipient),
    drop: (recipient) => this.#drop(recipient),
  });
  /** Pending appends by fingerprint. */
  readonly #pending = new ChurnMap<Fingerprint, Promise<void>>();
  #group: AppendGroup | undefined;
  #nextNumber = 1;
  #floor = 1;
  #onDamaged: (message: DamagedMessage) => void = () => undefined;
  #counting: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(environment: Environment, options: InboxOptions) {
    this.#limits = inboxLimits(options.limits);
    this.#now = options.now ?? Date.now;
    this.#writes = environment.writes;
    this.#messages = environment.table("messages");
    this.#attempts = environment.table("attempts");
    this.#boxRecords = environment.table("boxes");
    this.#counters = environment.table("inbox");
    const tables = {
      messages: this.#messages,
      attempts: this.#attempts,
      records: this.#boxRecords,
      counts: environment.table("inbox-counts"),
    };
    this.#segments = new Segments(environment, this.#messages);
    this.#boxes = new Boxes(environment, tables, this.#segments, { now: this.#now(), ownerOf: options.ownerOf ?? (() => undefined) });
    this.#reader = new BoxReader({
      messages: this.#messages,
      writes: this.#writes,
      boxes: this.#boxes,
      segments: this.#segments,
      onDamaged: (message) => this.#onDamaged(message),
    });
    const { deduplicationMs, remoteDeduplicationMs, maxRemembered } = this.#limits;
    const common = { maxRemembered, now: this.#now };
    this.#local = new StoredRecentMessages(environment, { name: "recent", windowMs: deduplicationMs, ...common });
    this.#remote = new StoredRecentMessages(environment, { name: "recent-remote", windowMs: remoteDeduplicationMs, ...common });
  }

  /**
   * Opens the inboxes of an environment. Only one instance may be open per environment. Closing it leaves the environment open.
   *
   * @throws StorageError `storage_failed`, `data_dir_unusable`
   */
  static async open(environment: Environment, options: InboxOptions = {}): Promise<LmdbInbox> {
    const inbox = new LmdbInbox(environment, options);
    inbox.#load();
    await inbox.#writes.flush();
    inbox.#floor = inbox.#nextNumber + SEQ_BLOCK;
    inbox.#counting = setInterval(() => void inbox.#recordCounts(), COUNT_MS).unref();
    return inbox;
  }

  append(message: MessageToStore): Promise<Appended> {
    if (this.#closed) return rejectClosed();
    const now = this.#now();
    const fingerprint = fingerprintOf(message);
    const first = this.#pending.get(fingerprint);
    if (first !== undefined) return first.then(() => ({ status: "duplicate" }));
    const recent = message.remote === true ? this.#remote : this.#local;
    if (recent.has(fingerprint)) return Promise.resolve({ status: "duplicate" });
    return reading(() => {
      const depths = { recipient: this.#depth(message.recipient), owner: this.#boxes.ownerDepth(message.recipient) };
      const room = checkRoom(message.plaintext.length, depths, this.#limits);
      if (!room.ok) return { status: "full", of: room.of };
      return this.#store(message, fingerprint, recent, now);
    });
  }

  remembers(message: MessageIdentity): Promise<boolean> {
    if (this.#closed) return rejectClosed();
    const fingerprint = fingerprintOf(message);
    const storing = this.#pending.get(fingerprint);
    if (storing === undefined) return Promise.resolve(this.#remote.has(fingerprint));
    return storing.then(
      () => true,
      () => false,
    );
  }

  async open(recipient: string, listener: BoxListener): Promise<Box> {
    if (this.#closed) return rejectClosed();
    return this.#open.open(recipient, listener);
  }

  async peek(recipient: string): Promise<Box> {
    if (this.#closed) return rejectClosed();
    return this.#open.unopened(recipient);
  }

  async *expired(now: number): AsyncGenerator<ExpiredMessages> {
    if (this.#closed) return;
    for await (const { recipient } of this.#boxes.expired(now)) {
      if (this.#closed) return;
      const listener = this.#open.listenerOf(recipient);
      if (listener === undefined) {
        yield* expiredOf(this.#open.unopened(recipient), now, () => this.#open.listenerOf(recipient) !== undefined);
      } else {
        listener.onExpired();
      }
    }
  }

  async depth(recipient: string): Promise<Depth> {
    if (this.#closed) return rejectClosed();
    return reading(() => this.#depth(recipient));
  }

  usage(recipient: string): Depth {
    return this.#boxes.find(recipient) ?? NO_USAGE;
  }

  ownerUsage(recipient: string): Depth {
    return this.#boxes.ownerDepth(recipient);
  }

  totals(): Depth {
    return this.#closed ? NO_USAGE : this.#boxes.total;
  }

  onDamaged(listener: (message: DamagedMessage) => void): void {
    this.#onDamaged = listener;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#counting);
    await this.#recordCounts();
  }

  async #read(recipient: string, options: ReadOptions): Promise<readonly InboxMessage[]> {
    if (this.#closed) return rejectClosed();
    if (options.limit <= 0) return [];
    const found = await this.#readDurable(recipient, options);
    if (found.length >= options.limit || lengthOf(found) > options.maxLength) return found;
    const box = this.#boxes.find(recipient);
    if (box?.contents?.appending === undefined || box.contents.appending === 0) return found;
    // Commits end in order, so that the latest pending append is the last one to wait for.
    await this.#group?.durable.catch(() => undefined);
    const after = found.at(-1)?.seq ?? options.after;
    const limits = { after, limit: options.limit - found.length, maxLength: options.maxLength - lengthOf(found) };
    return [...found, ...(await this.#readDurable(recipient, limits))];
  }

  #readDurable(recipient: string, options: ReadOptions): Promise<readonly InboxMessage[]> {
    const box = this.#boxes.find(recipient);
    return box === undefined ? Promise.resolve([]) : reading(() => this.#reader.read(box, options));
  }

  #settle(recipient: string, seqs: readonly number[]): Promise<void> {
    if (this.#closed) return rejectClosed();
    const box = this.#boxes.find(recipient);
    return box === undefined ? Promise.resolve() : this.#remove(box, seqs, SETTLE_PATIENCE_MS);
  }

  async #recordAttempts(recipient: string, seq: number, attempts: number): Promise<void> {
    if (this.#closed) return rejectClosed();
    const box = this.#boxes.find(recipient);
    const contents = box && this.#boxes.contentsOf(box);
    if (box === undefined || contents?.messages.has(seq) !== true) return;
    const value = Buffer.allocUnsafe(4);
    value.writeUInt32LE(attempts);
    this.#writes.put(this.#attempts, numbersKey(box.id, seq), value);
    const before = contents.attempts.get(seq) ?? 0;
    contents.attempts.set(seq, attempts);
    try {
      await this.#writes.flush();
    } catch (error) {
      if (contents.attempts.get(seq) === attempts) contents.attempts.set(seq, before);
      throw error;
    }
  }

  #depth(recipient: string): Depth {
    const box = this.#boxes.find(recipient);
    if (box === undefined) return NO_USAGE;
    const { messages, length } = this.#boxes.contentsOf(box);
    return { messages: messages.size, length };
  }

  async #drop(recipient: string): Promise<void> {
    if (this.#closed) return rejectClosed();
    const box = this.#boxes.find(recipient);
    if (box === undefined) return;
    const { messages, removing } = this.#boxes.contentsOf(box);
    const seqs = [...messages, ...removing].map(([seq]) => seq);
    // A pending append that fails has added nothing to the box, so removal starts after the flush.
    await this.#writes.flush().catch(() => undefined);
    await this.#remove(box, seqs, 0);
  }

  /** Writes the counts. After a failure the next call, a minute later, writes them. */
  async #recordCounts(): Promise<void> {
    await this.#boxes.recordCounts();
    await this.#writes.flush().catch(() => undefined);
  }

  #store(message: MessageToStore, fingerprint: Fingerprint, recent: StoredRecentMessages, now: number): Appended {
    const box = this.#boxes.find(message.recipient) ?? this.#boxes.create(message.recipient, this.#nextNumber++);
    const contents = this.#boxes.contentsOf(box);
    const seq = this.#nextNumber++;
    const expiresAt = storableTime(message.expiresAt);
    const place = { seq, length: message.plaintext.length, expiresAt };
    const stored = this.#segments.add(box.id, place, encodeMessage(message), message.receivedAt);
    recent.write(fingerprint);
    message.onAppend?.();
    this.#boxes.expects(box, expiresAt);
    // Both records are written with each message until known to be durable, so that no message is stored without them.
    const recordsBox = expiresAt < box.recordedExpiresAt;
    if (recordsBox) this.#writes.put(this.#boxRecords, numbersKey(box.id), encodeBox(box));
    const floor = seq + SEQ_BLOCK;
    const movesFloor = seq > this.#floor - SEQ_BLOCK / 2;
    if (movesFloor) this.#writes.put(this.#counters, FLOOR_KEY, numbersKey(floor));
    this.#boxes.add(contents, stored);
    contents.appending += 1;
    const durable = this.#writes.flush();
    if (durable !== this.#group?.durable) this.#group = this.#openGroup(durable);
    const recordedExpiresAt = recordsBox ? box.expiresAt : Number.POSITIVE_INFINITY;
    // Without a spread, which costs 4 µs here.
    const appending = { box, contents, seq, recordedExpiresAt, fingerprint, recent, now, floor: movesFloor ? floor : 0 };
    this.#group.appends.push(appending);
    this.#pending.set(fingerprint, durable);
    this.#open.listenerOf(message.recipient)?.onMessage(inboxMessage(message, seq, 0), durable);
    return { status: "stored", durable };
  }

  /** Updates the state of all messages that share a flush: one promise for each would cost more than the message. */
  #openGroup(durable: Promise<void>): AppendGroup {
    const appends: Appending[] = [];
    durable.then(
      () => this.#confirm(appends),
      () => this.#takeBack(appends),
    );
    return { durable, appends };
  }

  #confirm(appends: readonly Appending[]): void {
    for (const { box, contents, fingerprint, recent, now, recordedExpiresAt, floor } of appends) {
      this.#pending.delete(fingerprint);
      recent.confirm(fingerprint, now);
      contents.appending -= 1;
      box.recordedExpiresAt = Math.min(box.recordedExpiresAt, recordedExpiresAt);
      this.#floor = Math.max(this.#floor, floor);
    }
  }

  #takeBack(appends: readonly Appending[]): void {
    for (const { contents, fingerprint, seq } of appends) {
      this.#pending.delete(fingerprint);
      contents.appending -= 1;
      this.#boxes.remove(contents, seq);
    }
  }

  /** Removes messages. Waits for pending removals of the same messages. */
  async #remove(box: StoredBox, seqs: readonly number[], patienceMs: number): Promise<void> {
    const contents = this.#boxes.contentsOf(box);
    const removed: StoredMessage[] = [];
    const others = new Set<Promise<void>>();
    for (const seq of seqs) {
      const message = this.#boxes.remove(contents, seq);
      if (message === undefined) {
        const other = contents.removing.get(seq);
        if (other !== undefined) others.add(other);
        continue;
      }
      removed.push(message);
      this.#segments.remove(message);
      if (contents.attempts.has(seq)) this.#writes.remove(this.#attempts, numbersKey(box.id, seq));
    }
    if (removed.length > 0) others.add(this.#removed(contents, removed, patienceMs));
    await Promise.all(others);
  }

  async #removed(contents: Contents, removed: readonly StoredMessage[], patienceMs: number): Promise<void> {
    const written = this.#writes.flush(patienceMs);
    for (const { seq } of removed) contents.removing.set(seq, written);
    try {
      await written;
      for (const { seq } of removed) contents.attempts.delete(seq);
    } catch (error) {
      // The append of a message may have failed in the same commit.
      for (const message of removed) if (this.#segments.restore(message)) this.#boxes.add(contents, message);
      throw error;
    } finally {
      for (const { seq } of removed) contents.removing.delete(seq);
    }
  }

  #load(): void {
    const lastBox = this.#boxes.load();
    this.#nextNumber = Math.max(this.#readFloor() ?? 1, lastBox + 1);
    this.#writes.put(this.#counters, FLOOR_KEY, numbersKey(this.#nextNumber + SEQ_BLOCK));
    for (const recent of [this.#local, this.#remote]) recent.load();
  }

  /** The floor on disk. If its record is missing or damaged: one above all stored messages; `undefined` without any. */
  #readFloor(): number | undefined {
    try {
      const floor = this.#counters.get(FLOOR_KEY);
      if (floor !== undefined) return numberAt(floor, 0);
    } catch (error) {
      if (!isRecordDamaged(error)) throw error;
    }
    let last = 0;
    for (const key of this.#messages.getKeys({})) last = Math.max(last, numberAt(key, 1));
    return last === 0 ? undefined : last + SEQ_BLOCK;
  }
}

function lengthOf(messages: readonly InboxMessage[]): number {
  let length = 0;
  for (const { plaintext } of messages) length += plaintext.length;
  return length;
}

/** Converts errors of reading to rejections with a StorageError. */
async function reading<T>(work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    throw error instanceof StorageError ? error : new StorageError("storage_failed", "An inbox can't be read", { cause: error });
  }
}

function rejectClosed(): Promise<never> {
  return Promise.reject(new StorageError("storage_failed", "The inbox is closed"));
}
