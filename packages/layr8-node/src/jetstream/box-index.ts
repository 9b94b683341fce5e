import type { Depth } from "../inbox/inbox.ts";
import type { Fingerprint } from "../inbox/recent-messages.ts";
import type { IndexedMessage, Mark, SettledMark } from "./box-records.ts";

/** Marks after which fewer replace them, if these are not much more than were written since the last time. */
const MAX_MARKS = 1000;
const WORTH_REPLACING = 1 / 4;
/** Settled messages of one mark of a summary: half a megabyte, where NATS accepts 2 MB at least. */
const MAX_SETTLED = 10_000;

/**
 * What is in a box, from its messages and marks: every node that reads both streams arrives at the same. The first copy of a message counts;
 * one with the same fingerprint that was written while it is remembered is a duplicate.
 */
export class BoxIndex {
  /** By seq, ascending. */
  readonly messages: Map<number, IndexedMessage> = new Map();
  readonly attempts: Map<number, number> = new Map();
  /** Messages that are still in the stream, although they were settled or are duplicates. */
  readonly stale: Set<number> = new Set();
  /** Seqs of the latest message and mark that were applied. */
  lastMessage = 0;
  lastMark = 0;
  /** Which instance has the box open. */
  openedBy: string | undefined;
  readonly #settled = new Set<number>();
  readonly #remembered = new Map<Fingerprint, { readonly seq: number; readonly until: number }>();
  #onChange: (messages: number, length: number) => void;
  #length = 0;
  /** Marks since the last summary, settled messages in them, and in the summary. */
  #marks = 0;
  #marked = 0;
  #summarized = 0;
  #earliest = Number.POSITIVE_INFINITY;

  /** @param onChange called when the usage changes. */
  constructor(onChange: (messages: number, length: number) => void = () => undefined) {
    this.#onChange = onChange;
  }

  get depth(): Depth {
    return { messages: this.messages.size, length: this.#length };
  }

  /** No message expires before this time, in milliseconds since 1970; infinite without messages. */
  get expiresAt(): number {
    return this.#earliest;
  }

  /** When the oldest message was stored, by the clock of its writer, in milliseconds since 1970; infinite without messages. */
  get oldestAt(): number {
    const [oldest] = this.messages.values();
    return oldest?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Whether a message has expired. */
  hasExpired(now: number): boolean {
    if (this.#earliest > now) return false;
    this.#earliest = Number.POSITIVE_INFINITY;
    for (const { expiresAt } of this.messages.values()) this.#earliest = Math.min(this.#earliest, expiresAt);
    return this.#earliest <= now;
  }

  /** @returns whether the message is in the box. */
  addMessage(seq: number, message: IndexedMessage): boolean {
    const { fingerprint, rememberedUntil, at, length, expiresAt } = message;
    this.lastMessage = seq;
    const former = this.#remembered.get(fingerprint);
    const isDuplicate = former !== undefined && former.seq < seq && at < former.until;
    if (isDuplicate || this.#settled.has(seq)) {
      this.stale.add(seq);
      return false;
    }
    if (former === undefined || former.seq < seq) this.#remembered.set(fingerprint, { seq, until: rememberedUntil });
    this.messages.set(seq, message);
    this.#earliest = Math.min(this.#earliest, expiresAt);
    this.#change(1, length);
    return true;
  }

  addMark(seq: number, { by, box, settled, attempts }: Mark): void {
    this.passMark(seq, settled.length);
    if (box === "opened") this.openedBy = by;
    if (box === "closed" && this.openedBy === by) this.openedBy = undefined;
    for (const one of settled) this.settle(one);
    for (const [message, count] of attempts) this.attempts.set(message, count);
  }

  /** There is a mark whose content the index has. */
  passMark(seq: number, settled: number): void {
    this.lastMark = seq;
    this.#marks += 1;
    this.#marked += settled;
  }

  settle({ seq, fingerprint, rememberedUntil }: SettledMark): void {
    this.#settled.add(seq);
    const former = this.#remembered.get(fingerprint);
    if (former === undefined || former.seq < seq) this.#remembered.set(fingerprint, { seq, until: rememberedUntil });
    const message = this.messages.get(seq);
    if (message === undefined) return;
    this.messages.delete(seq);
    this.attempts.delete(seq);
    this.stale.add(seq);
    this.#change(-1, -message.length);
  }

  /** A message that the stream has no longer. */
  remove(seq: number): void {
    this.stale.delete(seq);
    const message = this.messages.get(seq);
    if (message === undefined) return;
    this.messages.delete(seq);
    this.#change(-1, -message.length);
  }

  /** The messages up to a seq have left the stream. */
  purged(upTo: number): void {
    for (const set of [this.stale, this.#settled]) for (const seq of set) if (seq <= upTo) set.delete(seq);
  }

  /** Settles a message, for a mark; `undefined` if it is not in the box. */
  settleFor(seq: number): SettledMark | undefined {
    const message = this.messages.get(seq);
    if (message === undefined) return undefined;
    const { fingerprint, rememberedUntil } = message;
    const mark = { seq, fingerprint, rememberedUntil };
    this.settle(mark);
    return mark;
  }

  /** Whether a {@link summary} of the marks is worth its cost, which is that of all messages that are remembered. */
  get hasManyMarks(): boolean {
    return this.#marks > MAX_MARKS && this.#marked >= this.#summarized * WORTH_REPLACING;
  }

  /** Marks with the content of all marks so far, except for fingerprints that have expired. The first one has all but settled messages. */
  summary(by: string, now: number): readonly Mark[] {
    const settled: SettledMark[] = [];
    const open = new Set(this.#settled);
    for (const [fingerprint, { seq, until }] of this.#remembered) {
      if (this.messages.has(seq)) continue;
      if (until > now) settled.push({ seq, fingerprint, rememberedUntil: until });
      else this.#remembered.delete(fingerprint);
      if (until > now) open.delete(seq);
    }
    for (const seq of open) settled.push({ seq, fingerprint: "", rememberedUntil: 0 });
    const box = this.openedBy === by ? "opened" : undefined;
    const marks: Mark[] = [{ by, box, settled: settled.slice(0, MAX_SETTLED), attempts: [...this.attempts] }];
    for (let at = MAX_SETTLED; at < settled.length; at += MAX_SETTLED) {
      marks.push({ by, settled: settled.slice(at, at + MAX_SETTLED), attempts: [] });
    }
    // They are counted when they are stored.
    [this.#marks, this.#marked, this.#summarized] = [-marks.length, -settled.length, settled.length];
    return marks;
  }

  /** Ends counting the usage. */
  close(): void {
    this.#onChange(-this.messages.size, -this.#length);
    this.#onChange = () => undefined;
  }

  #change(messages: number, length: number): void {
    this.#length += length;
    this.#onChange(messages, length);
  }
}
