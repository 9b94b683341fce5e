import { followFeed, type FeedMessage, type JetstreamConnection, publish, type StreamMessage, StreamReader } from "@parley/jetstream";
import { StorageError } from "@parley/storage";
import type { Box, BoxListener, DamagedMessage, Depth, InboxMessage, ReadOptions } from "../inbox/inbox.ts";
import { inboxMessage } from "../inbox/inbox-message.ts";
import { decodeMessage } from "../inbox/message-record.ts";
import { BoxIndex } from "./box-index.ts";
import { decodeIndexed, decodeMark, encodeMark, type Mark, type SettledMark } from "./box-records.ts";
import type { BoxPlace, StreamPlace } from "./box-streams.ts";

/** What a box needs of its inbox. */
export interface BoxContext {
  readonly connection: JetstreamConnection;
  /** Names this inbox in marks. */
  readonly instance: string;
  readonly maxMessages: number;
  now(): number;
  /** Resolves when the appends of this inbox to a recipient have ended. */
  appended(recipient: string): Promise<void>;
  onUsage(recipient: string, messages: number, length: number): void;
  onDamaged(message: DamagedMessage): void;
  /** The box was closed. */
  onClosed(box: JetstreamBox): void;
}

/** What is taken of a message of a stream or of its feed. */
type Taken = Pick<StreamMessage, "seq" | "headers" | "body">;

interface WrittenMark {
  readonly mark: Mark;
  readonly body: Buffer;
  readonly written: Promise<unknown>;
}

/** Messages read one by one; more are read by a consumer, which the server must create. */
const FEW = 16;
/** Bodies read at the same time. */
const PARALLEL = 32;
/** Settled messages that stay in the stream before they are removed: at the start of the box, and behind a message that waits. */
const MAX_STALE = 256;
const MAX_STALE_BEHIND = 2500;

/**
 * One recipient's messages in JetStream. Its {@link BoxIndex} is read when the box is opened. After that, the streams' feeds keep it current; a gap
 * in a feed is read from the stream.
 */
export class JetstreamBox implements Box {
  readonly recipient: string;
  readonly place: BoxPlace;
  readonly index: BoxIndex;
  readonly #context: BoxContext;
  readonly #messages: StreamReader;
  readonly #marks: StreamReader;
  #listener: BoxListener | undefined;
  #stops: (() => void)[] = [];
  #syncing: Promise<void> | undefined;
  #syncAgain = false;
  #isLoaded = false;
  /** What the next mark says, and its write. */
  #settled: SettledMark[] = [];
  #attempts: [seq: number, attempts: number][] = [];
  #marking: Promise<void> | undefined;
  /** Marks whose acknowledgement is awaited. The index has what they settle, and their attempts. */
  #writing: readonly WrittenMark[] = [];
  #isPurging = false;
  #isClosed = false;

  constructor(recipient: string, place: BoxPlace, context: BoxContext) {
    this.recipient = recipient;
    this.place = place;
    this.#context = context;
    this.#messages = new StreamReader(context.connection, place.messages.stream);
    this.#marks = new StreamReader(context.connection, place.marks.stream);
    this.index = new BoxIndex((messages, length) => context.onUsage(recipient, messages, length));
  }

  get isOpen(): boolean {
    return this.#listener !== undefined;
  }

  /** Opens the box: every other one of this recipient is lost. @throws StorageError `storage_failed` */
  async open(listener: BoxListener): Promise<void> {
    const { connection, instance } = this.#context;
    this.#listener = listener;
    this.#stops = [
      await followFeed(connection, this.place.messages.feed, (message) =>
        this.#onFeed(message, () => this.index.lastMessage, this.#takeMessage),
      ),
      await followFeed(connection, this.place.marks.feed, (message) => this.#onFeed(message, () => this.index.lastMark, this.#takeMark)),
      connection.onDoubt(() => this.#sync().catch(() => undefined)),
    ];
    await this.#writeMark({ by: instance, box: "opened", settled: [], attempts: [] });
    await this.load();
    if (this.index.openedBy !== instance) this.lose();
  }

  /** Reads the index. @throws StorageError `storage_failed` */
  async load(): Promise<void> {
    await this.#sync();
    this.#isLoaded = true;
  }

  async read({ after, limit, maxLength }: ReadOptions): Promise<readonly InboxMessage[]> {
    this.#assertOpen();
    await this.#catchUp();
    const found: InboxMessage[] = [];
    const seqs = [...this.index.messages.keys()].filter((seq) => seq > after).toSorted((left, right) => left - right);
    let length = 0;
    for (let next = 0; next < seqs.length && found.length < limit && length <= maxLength;) {
      const some = this.#fitting(seqs.slice(next, next + Math.min(PARALLEL, limit - found.length)), maxLength - length);
      next += some.length;
      for (const message of await Promise.all(some.map((seq) => this.#readOne(seq)))) {
        if (message === undefined) continue;
        found.push(message);
        length += message.plaintext.length;
      }
    }
    return found;
  }

  async settle(seqs: readonly number[]): Promise<void> {
    this.#assertOpen();
    for (const seq of seqs) {
      const mark = this.index.settleFor(seq);
      if (mark !== undefined) this.#settled.push(mark);
    }
    await this.#mark();
    await this.purge();
  }

  async recordAttempts(seq: number, attempts: number): Promise<void> {
    this.#assertOpen();
    if (!this.index.messages.has(seq)) return;
    this.index.attempts.set(seq, attempts);
    this.#attempts.push([seq, attempts]);
    await this.#mark();
  }

  depth(): Depth {
    return this.index.depth;
  }

  async drop(): Promise<void> {
    this.#assertOpen();
    await this.#catchUp();
    await this.settle([...this.index.messages.keys()]);
    await this.purge(true);
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.#end();
    await this.#writeMark({ by: this.#context.instance, box: "closed", settled: [], attempts: [] }).catch(() => undefined);
  }

  /** The inbox was closed. */
  async shutDown(): Promise<void> {
    this.#isClosed = true;
    await this.#marking?.catch(() => undefined);
    await this.#marksWritten();
    await this.close();
  }

  /** Calls the listener if messages have expired. */
  expire(now: number): void {
    if (this.index.hasExpired(now)) this.#listener?.onExpired();
  }

  /** Another one has opened the box. */
  lose(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#end();
    listener.onLost();
  }

  #end(): void {
    this.#listener = undefined;
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.index.close();
    this.#context.onClosed(this);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StorageError("storage_failed", "The inbox is closed");
  }

  /** The seqs whose messages fit into a length; at least one. */
  #fitting(seqs: readonly number[], maxLength: number): readonly number[] {
    let length = 0;
    const count = seqs.findIndex((seq) => (length += this.index.messages.get(seq)?.length ?? 0) > maxLength);
    return count === -1 ? seqs : seqs.slice(0, count + 1);
  }

  /** Waits until the index has what this inbox has appended. */
  async #catchUp(): Promise<void> {
    await this.#context.appended(this.recipient);
    await this.#sync();
  }

  async #readOne(seq: number): Promise<InboxMessage | undefined> {
    const stored = await this.#messages.get(seq);
    if (stored?.body === undefined) {
      this.index.remove(seq);
      return undefined;
    }
    return this.#decode(seq, stored.body);
  }

  /** A damaged message leaves the box. */
  #decode(seq: number, body: Uint8Array): InboxMessage | undefined {
    try {
      return inboxMessage(decodeMessage(this.recipient, body), seq, this.index.attempts.get(seq) ?? 0);
    } catch {
      const mark = this.index.settleFor(seq);
      if (mark !== undefined) this.#settled.push(mark);
      this.#mark().catch(() => undefined);
      this.#context.onDamaged({ recipient: this.recipient, seq, header: undefined });
      return undefined;
    }
  }

  #onFeed(message: FeedMessage, last: () => number, take: (message: Taken) => void): void {
    if (message.seq <= last()) return;
    // Before the index is read, or after a gap, the stream is read up to its end. A check of the end in between does not hold up the feed.
    if (!this.#isLoaded || message.after > last()) this.#sync().catch(() => undefined);
    else take(message);
  }

  readonly #takeMessage = ({ seq, headers, body }: Taken): void => {
    if (seq <= this.index.lastMessage) return;
    const head = decodeIndexed(headers);
    if (head === undefined) return;
    const isNew = this.index.addMessage(seq, head);
    if (!isNew && this.isOpen) void this.purge();
    if (!isNew || !this.#isLoaded || this.#listener === undefined || body === undefined) return;
    const message = this.#decode(seq, body);
    if (message !== undefined) this.#listener.onMessage(message, Promise.resolve());
  };

  readonly #takeMark = ({ seq, body }: Taken): void => {
    if (seq <= this.index.lastMark) return;
    const own = body && this.#writing.find((one) => one.mark.box === undefined && one.body.equals(body));
    if (own !== undefined) return this.index.passMark(seq, own.mark.settled.length);
    const mark = body === undefined ? undefined : decodeMark(body);
    if (mark === undefined) return;
    this.index.addMark(seq, mark);
    if (mark.box === "opened" && mark.by !== this.#context.instance && this.#isLoaded) this.lose();
  };

  /** Reads what is missing in the index. One at a time; a call during it reads once more. */
  #sync(): Promise<void> {
    if (this.#syncing !== undefined) {
      this.#syncAgain = true;
      return this.#syncing;
    }
    this.#syncing = this.#runSync();
    return this.#syncing;
  }

  async #runSync(): Promise<void> {
    try {
      do {
        this.#syncAgain = false;
        // Marks first: a settled message is not delivered.
        await this.#readNew(this.#marks, this.place.marks, () => this.index.lastMark, this.#takeMark, false);
        await this.#readNew(this.#messages, this.place.messages, () => this.index.lastMessage, this.#takeMessage, !this.#isLoaded);
      } while (this.#syncAgain);
    } finally {
      this.#syncing = undefined;
    }
  }

  async #readNew(
    reader: StreamReader,
    { subject }: StreamPlace,
    position: () => number,
    take: (message: Taken) => void,
    headersOnly: boolean,
  ): Promise<void> {
    const end = (await reader.last(subject))?.seq ?? 0;
    for (let count = 0; count < FEW && position() < end; count++) {
      const next = await reader.next(subject, position());
      if (next === undefined) return;
      take(next);
    }
    if (position() >= end) return;
    for await (const message of reader.messages(subject, position(), end, headersOnly)) take(message);
  }

  /** Writes what was settled and tried in this turn of the event loop. */
  #mark(): Promise<void> {
    if (this.#settled.length === 0 && this.#attempts.length === 0) return this.#marking ?? Promise.resolve();
    this.#marking ??= this.#writeMarks();
    return this.#marking;
  }

  async #writeMarks(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    // If it fails, there are more marks until the next time.
    if (this.index.hasManyMarks && this.isOpen) await this.#replaceMarks().catch(() => undefined);
    const mark: Mark = { by: this.#context.instance, settled: this.#settled, attempts: this.#attempts };
    [this.#settled, this.#attempts] = [[], []];
    this.#marking = undefined;
    await this.#writeMark(mark);
  }

  /** @param expected seq that the last mark must have. @returns the seq of the mark; `undefined` if the last one has another. */
  async #writeMark(mark: Mark, expected?: number): Promise<number | undefined> {
    const { stream, subject } = this.place.marks;
    const body = encodeMark(mark);
    const writing = publish(this.#context.connection, body, { stream, subject, expected });
    const written = { mark, body, written: writing };
    this.#writing = [...this.#writing, written];
    try {
      const stored = await writing;
      return stored.ok ? stored.seq : undefined;
    } finally {
      this.#writing = this.#writing.filter((one) => one !== written);
    }
  }

  async #marksWritten(): Promise<void> {
    await Promise.allSettled(this.#writing.map(({ written }) => written));
  }

  /** Replaces all marks by a summary, unless another instance writes one in this moment. Meanwhile this one writes no others. */
  async #replaceMarks(): Promise<void> {
    await this.#marksWritten();
    const { connection, instance, now } = this.#context;
    const { stream, subject } = this.place.marks;
    const expected = this.index.lastMark;
    const [first, ...others] = this.index.summary(instance, now());
    const seq = first && (await this.#writeMark(first, expected));
    if (seq === undefined) return;
    for (const mark of others) await this.#writeMark(mark);
    await connection.retry(stream, () => connection.jsm.streams.purge(stream, { filter: subject, seq }));
  }

  /**
   * Removes settled messages from the stream: from its start, once they are many; others, if they use up the recipient's limit.
   *
   * @param now even if they are few.
   */
  async purge(now = false): Promise<void> {
    const { stale, messages } = this.index;
    const { connection, maxMessages } = this.#context;
    const { stream, subject } = this.place.messages;
    if (this.#isPurging || stale.size === 0 || (!now && stale.size < Math.min(MAX_STALE, Math.ceil(maxMessages / 8)))) return;
    this.#isPurging = true;
    try {
      let upTo = messages.size === 0 ? Math.max(...stale) : Math.min(...messages.keys()) - 1;
      upTo = Math.min(upTo, this.index.lastMessage);
      if ([...stale].some((seq) => seq <= upTo)) {
        await connection.retry(stream, () => connection.jsm.streams.purge(stream, { filter: subject, seq: upTo + 1 }));
        this.index.purged(upTo);
      }
      if (!now && stale.size < Math.min(MAX_STALE_BEHIND, Math.ceil(maxMessages / 8))) return;
      for (const seq of stale) {
        await connection.jsm.streams.deleteMessage(stream, seq, false).catch(() => undefined);
        this.index.remove(seq);
      }
    } catch {
      // They are removed with a later settle. Until then they only use up room.
    } finally {
      this.#isPurging = false;
    }
  }
}
