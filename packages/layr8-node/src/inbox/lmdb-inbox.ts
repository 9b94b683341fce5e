import { TransientMap } from "@parley/core/internal";
import { type Environment, StorageError, type Table, type WriteQueue } from "@parley/storage";
import type { Appended, Depth, Inbox, InboxLimits, InboxMessage, IncomingMessage, ReadOptions } from "./inbox.ts";
import { messageKey, numberAt, numbersKey, readMessageKey } from "./inbox-keys.ts";
import { inboxMessage } from "./inbox-message.ts";
import { inboxLimits, type InboxOptions } from "./inbox-limits.ts";
import { decodeMessage, encodeMessage } from "./message-record.ts";
import { LmdbRecent } from "./lmdb-recent.ts";
import { type Fingerprint, fingerprintOf, type MessageIdentity } from "./recent-messages.ts";

/** How many seqs a node takes at once: a restart skips what is left of them, and one write in so many appends moves the floor. */
const SEQ_BLOCK = 1_000_000;
const FLOOR_KEY = Buffer.from("floor");
/** Empty boxes are forgotten a few at a time, this many appends apart. */
const SWEEP_EVERY = 256;
const SWEEP_BOXES = 512;

interface Box {
  readonly id: number;
  readonly recipient: string;
  /** Length of each message by seq: those whose append is under way, not those whose settle is. */
  readonly lengths: TransientMap<number, number>;
  length: number;
  /** Failed deliveries by seq; few messages have any. */
  readonly attempts: TransientMap<number, number>;
  /** Whether the box' own record is durable. */
  recorded: boolean;
  /** Removals under way by seq; whoever settles the same message again waits for the first. */
  readonly removing: TransientMap<number, Promise<void>>;
}

/** A message that is being written. */
interface Appending {
  readonly box: Box;
  readonly seq: number;
  readonly length: number;
  readonly fingerprint: Fingerprint;
  readonly recent: LmdbRecent;
  readonly now: number;
  /** The floor of seqs that is written with it, 0 for none. */
  readonly floor: number;
}

/** The messages that share a flush. */
interface Group {
  readonly durable: Promise<void>;
  readonly appends: Appending[];
}

/** How long a settle may wait to share another write's flush, in milliseconds. Nobody waits for one. */
const SETTLE_PATIENCE_MS = 20;

/**
 * Inboxes in a node's data directory.
 *
 * Tables: `messages` (box, seq, length → message), `attempts` (box, seq → count), `boxes` (box → DID), `recent` and
 * `recent-remote` (see {@link LmdbRecent}) and `inbox` (the floor of seqs). Seqs and box numbers come from one counter for the whole node, so that an
 * empty box can be forgotten without a trace. The counter lives in memory; the floor on disk is always above what has been stored.
 */
export class LmdbInbox implements Inbox {
  readonly #limits: InboxLimits;
  readonly #now: () => number;
  readonly #writes: WriteQueue;
  readonly #messages: Table;
  readonly #attempts: Table;
  readonly #boxRecords: Table;
  readonly #counters: Table;
  readonly #local: LmdbRecent;
  readonly #remote: LmdbRecent;
  readonly #boxes = new Map<string, Box>();
  /** Appends under way by fingerprint. */
  readonly #pending = new TransientMap<Fingerprint, Promise<void>>();
  #group: Group | undefined;
  #nextNumber = 1;
  #floor = 1;
  #appends = 0;
  #closed = false;

  private constructor(environment: Environment, options: InboxOptions) {
    this.#limits = inboxLimits(options.limits);
    this.#now = options.now ?? Date.now;
    this.#writes = environment.writes;
    this.#messages = environment.table("messages");
    this.#attempts = environment.table("attempts");
    this.#boxRecords = environment.table("boxes");
    this.#counters = environment.table("inbox");
    const { deduplicationMs, remoteDeduplicationMs, maxRemembered } = this.#limits;
    const common = { maxRemembered, now: this.#now };
    this.#local = new LmdbRecent(environment, { name: "recent", windowMs: deduplicationMs, ...common });
    this.#remote = new LmdbRecent(environment, { name: "recent-remote", windowMs: remoteDeduplicationMs, ...common });
  }

  /**
   * Opens the inboxes of an environment, one at a time per environment. Closing them leaves the environment open.
   *
   * @throws StorageError `storage_failed`, `data_dir_unusable`
   */
  static async open(environment: Environment, options: InboxOptions = {}): Promise<LmdbInbox> {
    const inbox = new LmdbInbox(environment, options);
    inbox.#load();
    await inbox.#writes.flush();
    inbox.#floor = inbox.#nextNumber + SEQ_BLOCK;
    return inbox;
  }

  append(message: IncomingMessage): Promise<Appended> {
    if (this.#closed) return rejectClosed();
    const now = this.#now();
    const fingerprint = fingerprintOf(message);
    const first = this.#pending.get(fingerprint);
    if (first !== undefined) return first.then(() => ({ status: "duplicate" }));
    const recent = message.remote === true ? this.#remote : this.#local;
    if (recent.has(fingerprint)) return Promise.resolve({ status: "duplicate" });

    const length = message.plaintext.length;
    const box = this.#boxes.get(message.recipient);
    if ((box?.lengths.size ?? 0) >= this.#limits.maxMessages || (box?.length ?? 0) + length > this.#limits.maxLength) {
      return Promise.resolve({ status: "full" });
    }
    return Promise.resolve(this.#store(message, box ?? this.#createBox(message.recipient), { fingerprint, recent, now }));
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

  read(recipient: string, { after, limit, maxLength }: ReadOptions): Promise<readonly InboxMessage[]> {
    if (this.#closed) return rejectClosed();
    const box = this.#boxes.get(recipient);
    if (box === undefined || box.lengths.size === 0 || limit <= 0) return Promise.resolve([]);
    try {
      return Promise.resolve(this.#readBox(box, after, limit, maxLength));
    } catch (error) {
      return Promise.reject(
        error instanceof StorageError ? error : new StorageError("storage_failed", "An inbox can't be read", { cause: error }),
      );
    }
  }

  settle(recipient: string, seqs: readonly number[]): Promise<void> {
    if (this.#closed) return rejectClosed();
    const box = this.#boxes.get(recipient);
    return box === undefined ? Promise.resolve() : this.#remove(box, seqs, SETTLE_PATIENCE_MS);
  }

  async recordAttempts(recipient: string, seq: number, attempts: number): Promise<void> {
    if (this.#closed) return rejectClosed();
    const box = this.#boxes.get(recipient);
    if (box === undefined || !box.lengths.has(seq)) return;
    const value = Buffer.allocUnsafe(4);
    value.writeUInt32LE(attempts);
    this.#writes.put(this.#attempts, numbersKey(box.id, seq), value);
    const before = box.attempts.get(seq) ?? 0;
    box.attempts.set(seq, attempts);
    try {
      await this.#writes.flush();
    } catch (error) {
      if (box.attempts.get(seq) === attempts) box.attempts.set(seq, before);
      throw error;
    }
  }

  depth(recipient: string): Depth {
    const box = this.#boxes.get(recipient);
    return { messages: box?.lengths.size ?? 0, length: box?.length ?? 0 };
  }

  recipients(): readonly string[] {
    return Array.from(this.#boxes.values()).flatMap((box) => (box.lengths.size > 0 ? box.recipient : []));
  }

  async drop(recipient: string): Promise<void> {
    if (this.#closed) return rejectClosed();
    const box = this.#boxes.get(recipient);
    if (box === undefined) return;
    const seqs = [...box.lengths, ...box.removing].map(([seq]) => seq);
    // An append under way that fails has put nothing into the box, so its end is awaited before anything is taken out.
    await this.#writes.flush().catch(() => undefined);
    await this.#remove(box, seqs, 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writes.flush().catch(() => undefined);
  }

  #store(message: IncomingMessage, box: Box, known: Pick<Appending, "fingerprint" | "recent" | "now">): Appended {
    const { fingerprint, recent } = known;
    const seq = this.#nextNumber++;
    const { length } = message.plaintext;
    this.#writes.put(this.#messages, messageKey({ box: box.id, seq, length }), encodeMessage(message));
    recent.write(fingerprint);
    // Both records ride along until they are known to be durable: then each message stored is stored with what it needs.
    if (!box.recorded) this.#writes.put(this.#boxRecords, numbersKey(box.id), Buffer.from(box.recipient));
    const floor = seq + SEQ_BLOCK;
    const movesFloor = seq > this.#floor - SEQ_BLOCK / 2;
    if (movesFloor) this.#writes.put(this.#counters, FLOOR_KEY, numbersKey(floor));
    box.lengths.set(seq, length);
    box.length += length;
    if (++this.#appends % SWEEP_EVERY === 0) this.#sweepBoxes();
    const durable = this.#writes.flush();
    if (durable !== this.#group?.durable) this.#group = this.#openGroup(durable);
    this.#group.appends.push({ ...known, box, seq, length, floor: movesFloor ? floor : 0 });
    this.#pending.set(fingerprint, durable);
    return { status: "stored", message: inboxMessage(message, seq, 0), durable };
  }

  /** Keeps the books of all messages that share a flush: a promise for each would cost more than its message. */
  #openGroup(durable: Promise<void>): Group {
    const appends: Appending[] = [];
    durable.then(
      () => this.#confirm(appends),
      () => this.#takeBack(appends),
    );
    return { durable, appends };
  }

  #confirm(appends: readonly Appending[]): void {
    for (const { box, fingerprint, recent, now, floor } of appends) {
      this.#pending.delete(fingerprint);
      recent.confirm(fingerprint, now);
      box.recorded = true;
      this.#floor = Math.max(this.#floor, floor);
    }
  }

  #takeBack(appends: readonly Appending[]): void {
    for (const { box, fingerprint, seq, length } of appends) {
      this.#pending.delete(fingerprint);
      if (box.lengths.delete(seq)) box.length -= length;
    }
  }

  /** Removes messages; those that are being removed already are waited for. */
  async #remove(box: Box, seqs: readonly number[], patienceMs: number): Promise<void> {
    const removed = new Map<number, number>();
    const others = new Set<Promise<void>>();
    for (const seq of seqs) {
      const length = box.lengths.get(seq);
      if (length === undefined) {
        const other = box.removing.get(seq);
        if (other !== undefined) others.add(other);
        continue;
      }
      removed.set(seq, length);
      box.lengths.delete(seq);
      box.length -= length;
      this.#writes.remove(this.#messages, messageKey({ box: box.id, seq, length }));
      if (box.attempts.has(seq)) this.#writes.remove(this.#attempts, numbersKey(box.id, seq));
    }
    if (removed.size > 0) others.add(this.#removed(box, removed, patienceMs));
    await Promise.all(others);
  }

  async #removed(box: Box, removed: ReadonlyMap<number, number>, patienceMs: number): Promise<void> {
    const written = this.#writes.flush(patienceMs);
    for (const seq of removed.keys()) box.removing.set(seq, written);
    try {
      await written;
      for (const seq of removed.keys()) box.attempts.delete(seq);
    } catch (error) {
      for (const [seq, length] of removed) {
        // Its append may have failed in the same commit.
        if (this.#messages.get(messageKey({ box: box.id, seq, length })) === undefined) continue;
        box.lengths.set(seq, length);
        box.length += length;
      }
      throw error;
    } finally {
      for (const seq of removed.keys()) box.removing.delete(seq);
    }
  }

  #readBox(box: Box, after: number, limit: number, maxLength: number): InboxMessage[] {
    const found: InboxMessage[] = [];
    let length = 0;
    const range = { start: numbersKey(box.id, after + 1, 0), end: numbersKey(box.id + 1, 0, 0) };
    for (const { key, value } of this.#messages.getRange(range)) {
      const { seq } = readMessageKey(key);
      if (!box.lengths.has(seq)) continue;
      const message = decodeMessage(box.recipient, value);
      found.push(inboxMessage(message, seq, box.attempts.get(seq) ?? 0));
      length += message.plaintext.length;
      if (found.length >= limit || length > maxLength) break;
    }
    return found;
  }

  #createBox(recipient: string, id: number = this.#nextNumber++): Box {
    const box: Box = {
      id,
      recipient,
      lengths: new TransientMap(),
      length: 0,
      attempts: new TransientMap(),
      recorded: false,
      removing: new TransientMap(),
    };
    this.#boxes.set(recipient, box);
    return box;
  }

  /** Forgets boxes that are empty, some at a time; the others go to the end of the line. */
  #sweepBoxes(): void {
    let left = Math.min(this.#boxes.size, SWEEP_BOXES);
    for (const box of this.#boxes.values()) {
      if (left-- === 0) return;
      this.#boxes.delete(box.recipient);
      if (box.lengths.size > 0 || box.removing.size > 0) this.#boxes.set(box.recipient, box);
      else if (box.recorded) this.#writes.remove(this.#boxRecords, numbersKey(box.id));
    }
  }

  #load(): void {
    const floor = this.#counters.get(FLOOR_KEY);
    if (floor !== undefined) this.#nextNumber = numberAt(floor, 0);
    this.#writes.put(this.#counters, FLOOR_KEY, numbersKey(this.#nextNumber + SEQ_BLOCK));

    const recipients = new Map<number, string>();
    for (const { key, value } of this.#boxRecords.getRange({})) {
      recipients.set(numberAt(key, 0), Buffer.from(value).toString());
    }
    const boxes = new Map<number, Box>();
    for (const key of this.#messages.getKeys({})) {
      const { box: id, seq, length } = readMessageKey(key);
      const recipient = recipients.get(id);
      if (recipient === undefined) throw new StorageError("data_dir_unusable", "The inboxes are damaged: a message has no box");
      const box = boxes.get(id) ?? this.#createBox(recipient, id);
      boxes.set(id, box);
      box.recorded = true;
      box.lengths.set(seq, length);
      box.length += length;
    }
    for (const id of recipients.keys()) {
      if (!boxes.has(id)) this.#writes.remove(this.#boxRecords, numbersKey(id));
    }
    for (const { key, value } of this.#attempts.getRange({})) {
      const count = Buffer.from(value).readUInt32LE(0);
      boxes.get(numberAt(key, 0))?.attempts.set(numberAt(key, 1), count);
    }
    for (const recent of [this.#local, this.#remote]) recent.load();
  }
}

function rejectClosed(): Promise<never> {
  return Promise.reject(new StorageError("storage_failed", "The inbox is closed"));
}
