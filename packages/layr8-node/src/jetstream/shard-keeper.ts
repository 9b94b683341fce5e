import { sleep } from "@parley/core/internal";
import { type JetstreamConnection, type Lease, StreamReader } from "@parley/jetstream";
import { Deadlines } from "../deadlines.ts";
import type { Depth } from "../inbox/inbox.ts";
import { decodeHead, type MessageHead } from "./box-records.ts";
import type { StreamPlace } from "./box-streams.ts";

/** What is in a box that no node has open. */
export interface Counted extends Depth {
  /** The API key of the recipient. */
  readonly owner: string | undefined;
  /** When the oldest message was stored, in milliseconds since 1970. */
  readonly oldestAt: number;
}

/** A recipient with messages. */
export interface KeptBox {
  readonly recipient: string;
  /** Stream sequence of its latest message. */
  last: number;
  /** No message expires before. */
  expiresAt: number;
  /** It need not be counted again before, although it has changed. */
  countAt: number;
  /** Absent if it was not counted, or a node has it open. */
  counted: Counted | undefined;
  /** When it was counted, in milliseconds since 1970. */
  countedAt: number;
}

const AGAIN_AFTER_MS = 1000;
/** Messages that agents have acknowledged and nodes have removed within this time are not looked at. */
const PAUSE_MS = 500;
const MINUTE_MS = 60_000;
/** A counted box is counted again after this time, since an operator may have removed messages. */
const CHECK_AFTER_MS = 10 * 60_000;

/** Options of a {@link ShardKeeper}. */
export interface ShardKeeperOptions {
  readonly connection: JetstreamConnection;
  /** All messages of the shard. */
  readonly place: StreamPlace;
  readonly lease: Lease;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The API key of a recipient. */
  ownerOf(recipient: string): string | undefined;
  /** Whether a node has a box open, as far as is known without reading it. */
  isAttended(recipient: string): boolean;
  /** Adds what was counted of a recipient to the usage (`1`), or removes it (`-1`). */
  onCounted(counted: Counted, sign: 1 | -1, recipient: string): void;
}

/** Knows the recipients with messages of a shard, when these expire and how many they are, for as long as this server holds the shard's lease. */
export class ShardKeeper {
  readonly lease: Lease;
  readonly #options: ShardKeeperOptions;
  readonly #reader: StreamReader;
  readonly #boxes = new Map<string, KeptBox>();
  readonly #deadlines: Deadlines<KeptBox>;
  /** Boxes that may have other messages than were counted. */
  readonly #changed = new Set<KeptBox>();
  /** How many counted boxes have their oldest message from a minute. */
  readonly #minutes = new Map<number, number>();
  readonly #following: Promise<void>;
  /** The boxes in turn. */
  #turn: Iterator<KeptBox> = [].values();
  #last = 0;

  constructor(options: ShardKeeperOptions) {
    const { connection, place, lease, now } = options;
    this.lease = lease;
    this.#options = options;
    this.#reader = new StreamReader(connection, place.stream);
    this.#deadlines = new Deadlines(now);
    this.#following = this.#follow();
  }

  /** Boxes that are counted. */
  get counted(): number {
    let count = 0;
    for (const boxes of this.#minutes.values()) count += boxes;
    return count;
  }

  /** When the oldest message of all counted boxes was stored, to the minute, in milliseconds since 1970; infinite without any. */
  get oldestAt(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const minute of this.#minutes.keys()) oldest = Math.min(oldest, minute);
    return oldest * MINUTE_MS;
  }

  /** The boxes that may have expired messages. Each is due again after {@link keep}. */
  due(now: number): Iterable<KeptBox> {
    return this.#deadlines.due(now);
  }

  /** Sets when a box is due again; infinite: it is empty, and kept once it has another message. */
  keep(box: KeptBox, expiresAt: number): void {
    this.#deadlines.delete(box);
    if (expiresAt === Number.POSITIVE_INFINITY) {
      this.count(box, undefined);
      this.#changed.delete(box);
      this.#boxes.delete(box.recipient);
      return;
    }
    box.expiresAt = expiresAt;
    this.#deadlines.add(box);
  }

  /** A node has opened or closed a recipient's box: it is counted soon. */
  touch(recipient: string): void {
    const box = this.#boxes.get(recipient);
    if (box === undefined) return;
    box.countAt = 0;
    this.#changed.add(box);
  }

  /** Removes and returns boxes that are to be counted; looks at a number of boxes at most. */
  takeChanged(now: number, max: number): readonly KeptBox[] {
    this.#checkSome(now, Math.min(max, this.#boxes.size));
    const taken: KeptBox[] = [];
    let looks = Math.min(max, this.#changed.size);
    for (const box of this.#changed) {
      if (looks-- <= 0) break;
      this.#changed.delete(box);
      if (box.countAt <= now) taken.push(box);
      else this.#changed.add(box);
    }
    return taken;
  }

  #checkSome(now: number, count: number): void {
    for (let looks = 0; looks < count; looks++) {
      const { value: box } = this.#turn.next() as IteratorResult<KeptBox, undefined>;
      if (box === undefined) this.#turn = this.#boxes.values();
      else if (box.counted !== undefined && box.countedAt + CHECK_AFTER_MS <= now) this.#changed.add(box);
    }
  }

  /** Counts a box again at a time. */
  countLater(box: KeptBox, at: number): void {
    box.countAt = at;
    if (this.#boxes.get(box.recipient) === box) this.#changed.add(box);
  }

  /** Sets what is in a box; `undefined` if a node has it open. */
  count(box: KeptBox, counted: Counted | undefined): void {
    const former = box.counted;
    box.counted = this.#boxes.get(box.recipient) === box ? counted : undefined;
    for (const [one, sign] of [
      [former, -1],
      [box.counted, 1],
    ] as const) {
      if (one === undefined) continue;
      const minute = Math.floor(one.oldestAt / MINUTE_MS);
      const boxes = (this.#minutes.get(minute) ?? 0) + sign;
      if (boxes === 0) this.#minutes.delete(minute);
      else this.#minutes.set(minute, boxes);
      this.#options.onCounted(one, sign, box.recipient);
    }
  }

  async close(): Promise<void> {
    await this.lease.release();
    await this.#following;
  }

  /** Ends counting, when another server has the lease. */
  forget(): void {
    for (const box of this.#boxes.values()) this.count(box, undefined);
    this.#boxes.clear();
    this.#changed.clear();
  }

  async #follow(): Promise<void> {
    const { lost } = this.lease;
    const { subject } = this.#options.place;
    while (!lost.aborted) {
      try {
        for await (const { seq, headers } of this.#reader.follow(subject, this.#last, PAUSE_MS, lost)) {
          this.#last = seq;
          const head = decodeHead(headers);
          if (head !== undefined) this.#note(seq, head);
        }
      } catch {
        // The stream has no leader at present.
      }
      await sleep(AGAIN_AFTER_MS, lost);
    }
  }

  #note(seq: number, head: MessageHead): void {
    const { recipient, expiresAt } = head;
    const known = this.#boxes.get(recipient);
    const box = known ?? { recipient, last: seq, expiresAt, countAt: 0, counted: undefined, countedAt: 0 };
    box.last = seq;
    this.#changed.add(box);
    if (known === undefined || known.expiresAt > expiresAt) {
      this.#boxes.set(recipient, box);
      this.keep(box, expiresAt);
    }
    if (box.counted !== undefined || !this.#options.isAttended(recipient)) this.#add(box, head);
  }

  /** Counts a new message at once. If it is a duplicate, the next count corrects that. */
  #add(box: KeptBox, { recipient, at, length }: MessageHead): void {
    const before = box.counted ?? { owner: this.#options.ownerOf(recipient), messages: 0, length: 0, oldestAt: at };
    const { owner, oldestAt } = before;
    this.count(box, { owner, messages: before.messages + 1, length: before.length + length, oldestAt: Math.min(oldestAt, at) });
  }
}
