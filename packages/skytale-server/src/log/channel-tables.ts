import {
  NUMBER_BYTES,
  numberAt,
  numbersKey,
  type Environment,
  isRecordDamaged,
  StorageError,
  type Table,
  type WriteQueue,
} from "@parley/storage";
import type { Head, LogPage, ReadOptions, Retention } from "./channel-log.ts";
import { CommitIndex } from "./commit-index.ts";
import type { ChannelState, Draft } from "./draft.ts";
import { commitKey, epochOf, type PublisherBytes, readSegmentKey, type SegmentKey, segmentKey } from "./log-keys.ts";
import { PageBuilder } from "./page-builder.ts";
import { PublisherTable } from "./publisher-table.ts";
import { NO_RETENTION } from "./retention.ts";
import { planRemoval, type Removal } from "./plan-removal.ts";
import { decodeSegment, encodeSegment, type Segment, segmentsOf } from "./segment.ts";
import { ShareTables } from "./share-tables.ts";
import { Shares } from "./shares.ts";

/** A channel as it is on disk. */
export interface StoredChannel extends ChannelState {
  readonly name: string;
  readonly id: number;
  first: number;
  next: number;
  /** Entries, without evicted ones. */
  entries: number;
  /** Bytes of all bodies. */
  bytes: number;
  commits: CommitIndex;
  /** Read from the disk when they are needed. */
  shares: Shares<number> | undefined;
}

/** What logs keep. */
export interface RetentionRules {
  readonly retention: Retention;
  /** Channels whose logs are being cleared: they keep nothing. */
  readonly clearing: { has(name: string): boolean };
}

/** What a commit appends to a channel. */
interface Written {
  readonly channel: StoredChannel;
  readonly draft: Draft;
}

/** The changes of one channel in a commit. */
export interface Change {
  readonly channel: StoredChannel;
  readonly draft: Draft | undefined;
  readonly segments: readonly Segment<number>[];
  readonly removal: Removal | undefined;
  /** Whether the log is cleared with this commit: its recorded commits are removed, too. */
  readonly isCleared: boolean;
  /** The state of the channel after the commit. */
  readonly after: Pick<StoredChannel, "first" | "next" | "entries" | "bytes">;
}

/** Channels whose state is cached in memory. Others are dropped when no append is pending, and read again when needed. */
const MAX_OPEN = 10_000;
const PAGE = 256;
/** Segments that one commit removes, over all channels: the next commits remove the others. */
const MAX_REMOVED = 256;
const RUN = Buffer.from([0]);
const NEXT_ID = Buffer.from("next-id");
const EMPTY: Head = { first: 1, next: 1 };

/**
 * The tables of the logs: `log-channels` (name → id, first, next, bytes, entries), `log-segments` (channel, last sequence, … → entries),
 * `log-commits` (channel, epoch → sequence), `log-publishers` (id → bytes, account), `log-meta` (the next channel's id), and those of
 * {@link ShareTables}. Older versions stored no number of entries, as nothing was missing between first and next.
 */
export class ChannelTables {
  readonly #writes: WriteQueue;
  readonly #channels: Table;
  readonly #segments: Table;
  readonly #commits: Table;
  readonly #meta: Table;
  readonly #shareTables: ShareTables;
  readonly publishers: PublisherTable;
  readonly #open = new Map<string, StoredChannel>();
  #nextId: number;
  /** The record of some channel is damaged, perhaps its name: a name that isn't found may be that of this channel. */
  readonly #isDamaged: boolean;

  constructor(environment: Environment) {
    this.#writes = environment.writes;
    this.#channels = environment.table("log-channels");
    this.#segments = environment.table("log-segments");
    this.#commits = environment.table("log-commits");
    this.#meta = environment.table("log-meta");
    this.#shareTables = new ShareTables(environment);
    this.publishers = new PublisherTable(environment);
    [this.#nextId, this.#isDamaged] = this.#check();
  }

  head(name: string): Head {
    const channel = this.#find(name);
    return channel === undefined ? EMPTY : { first: channel.first, next: channel.next };
  }

  /** A channel that isn't on disk yet is made; it gets there with its first entries. */
  openOrCreate(name: string): StoredChannel {
    const found = this.#find(name);
    if (found === undefined && this.#isDamaged) {
      throw new StorageError("record_damaged", "This channel is not known, and the record of a channel that may be this one is damaged");
    }
    const empty = { first: 1, next: 1, entries: 0, bytes: 0, commits: new CommitIndex(), shares: new Shares<number>() };
    return found ?? { name, id: this.#nextId++, ...empty };
  }

  read(name: string, options: ReadOptions): LogPage {
    const { from } = options;
    const channel = this.#find(name);
    if (channel === undefined) return { first: from, entries: [], head: EMPTY };
    const { id, first, next } = channel;
    const page = new PageBuilder(options);
    if (from < first || from >= next) return page.finish({ first, next });
    for (const { key, value } of this.#segments.getRange({ start: numbersKey(id, from), end: numbersKey(id + 1) })) {
      const { last, count, kind } = readSegmentKey(key);
      const start = last - count + 1;
      // The requested entries were removed by a commit in progress, or are damaged: the rest is read as after a removal.
      if (start > page.next) return page.finish({ first: page.isEmpty ? start : first, next });
      if (kind === "evicted") {
        if (!page.addEvicted(last)) break;
        continue;
      }
      const segment = decodeSegment(value, count);
      if (segment === undefined) continue;
      while (page.next <= last && page.next < next) {
        if (!page.add(segment[page.next - start] as Uint8Array)) return page.finish({ first, next });
      }
      if (page.next >= next || page.isFull) break;
    }
    // An empty page: the last segments are damaged.
    return page.finish({ first: page.isEmpty ? next : first, next });
  }

  /** All names, a page at a time. */
  *namesByPage(): Generator<readonly string[]> {
    for (let start: Buffer | undefined; ;) {
      const names = Array.from(this.#channels.getKeys({ limit: PAGE, ...(start && { start }) }), (key) => Buffer.from(key).toString());
      if (names.length > 0) yield names;
      const last = names.at(-1);
      if (names.length < PAGE || last === undefined) return;
      start = Buffer.from(`${last}\0`);
    }
  }

  /**
   * Whether a log holds more than it may, or its oldest segment was recorded before a time. It holds too much if the process ended between
   * two commits that remove entries.
   */
  exceeds(name: string, { maxEntries, maxBytes }: Retention, time: number): boolean {
    const channel = this.#findIntact(name);
    if (channel === undefined) return false;
    if (channel.entries > maxEntries || channel.bytes > maxBytes) return true;
    const [key] = this.#segments.getKeys({ start: numbersKey(channel.id), end: numbersKey(channel.id + 1), limit: 1 });
    return key !== undefined && readSegmentKey(key).recordedAt < time;
  }

  /**
   * Decides what a commit does: to channels that are written to, and to those that may hold what is too old or too much. The shares of
   * these channels are changed at once: {@link ChannelTables.put} the changes, or {@link ChannelTables.discard} them.
   */
  plan(written: readonly Written[], retaining: ReadonlySet<string>, rules: RetentionRules, now: number): Change[] {
    const budget = { left: MAX_REMOVED };
    const isCleared = (name: string): boolean => rules.clearing.has(name);
    const retentionOf = (name: string): Retention => (isCleared(name) ? NO_RETENTION : rules.retention);
    const changes: Change[] = [];
    // Those with few entries first: a flood of one channel leaves the others enough of the budget, so that they don't wait for it.
    for (const { channel, draft } of written.toSorted((left, right) => left.draft.entries.length - right.draft.entries.length)) {
      const entries = draft.entries.map((entry) => ({ ...entry, publisher: this.publishers.idOf(entry.publisher) }));
      const segments = segmentsOf(draft.first, entries);
      const shares = this.#sharesOf(channel);
      let bytes = 0;
      for (const segment of segments) {
        bytes += segment.bytes;
        shares.add(segment.publisher, segment.kind, { entries: segment.bodies.length, bytes: segment.bytes });
      }
      const held = { entries: channel.entries + entries.length, bytes: channel.bytes + bytes };
      const { id, first, name } = channel;
      const retention = retentionOf(name);
      const isFull = held.entries > retention.maxEntries || held.bytes > retention.maxBytes;
      const after = { first, next: draft.next, ...held };
      const given = { id, first, shares, isAppended: true, ...held };
      const removal =
        isFull || retaining.has(name) ? planRemoval(given, this.#segments, this.#shareTables, { retention, now, budget }) : undefined;
      // What this commit appends to a log that is being cleared is removed by the next one.
      changes.push({ channel, draft, segments, removal, isCleared: false, after: { ...after, ...(removal && afterRemoval(removal)) } });
    }
    for (const name of retaining) {
      const channel = this.#findIntact(name);
      if (channel === undefined || written.some((one) => one.channel === channel)) continue;
      const { id, first, entries, bytes, next } = channel;
      const given = { id, first, shares: this.#sharesOf(channel), isAppended: false, entries, bytes };
      const removal = planRemoval(given, this.#segments, this.#shareTables, { retention: retentionOf(name), now, budget });
      if (removal.removed.length > 0 || !removal.isDone || isCleared(name))
        changes.push({
          channel,
          draft: undefined,
          segments: [],
          removal,
          isCleared: isCleared(name) && removal.isDone,
          after: { next, ...afterRemoval(removal) },
        });
    }
    return changes;
  }

  /** Queues all writes of a commit. Returns what is to be done once they are durable. */
  put(changes: readonly Change[], now: number): () => void {
    const added: PublisherBytes[] = [];
    const removed: PublisherBytes[] = [];
    for (const change of changes) this.#putChange(change, now, added, removed);
    const counted = this.publishers.put(added, removed);
    return () => {
      for (const { channel, draft, isCleared, after } of changes) {
        Object.assign(channel, after);
        if (isCleared) channel.commits = new CommitIndex();
        if (draft !== undefined) channel.commits = draft.commits;
        this.#open.set(channel.name, channel);
      }
      counted();
      this.#forgetSome();
    };
  }

  /** Called when a commit has failed: what was planned for these channels has not happened. */
  discard(names: Iterable<string>): void {
    for (const name of names) {
      const channel = this.#open.get(name);
      if (channel !== undefined) channel.shares = undefined;
    }
  }

  /** Every change of a channel, and the bytes by publisher that it adds and removes. */
  #putChange(
    { channel, draft, segments, removal, isCleared, after }: Change,
    now: number,
    added: PublisherBytes[],
    removed: PublisherBytes[],
  ): void {
    const { id, name } = channel;
    for (const segment of removal?.removed ?? []) {
      this.#writes.remove(this.#segments, segment.key);
      this.#shareTables.removePlace(segment);
      removed.push(...segment.publishers);
    }
    for (const run of removal?.runs ?? []) this.#writes.put(this.#segments, segmentKey(run), RUN);
    for (const segment of segments) {
      const { last, bytes, bodies, publisher, kind } = segment;
      const publishers = [{ publisher, bytes }];
      const stored: SegmentKey = { channel: id, last, count: bodies.length, bytes, recordedAt: now, publishers, kind };
      const key = segmentKey(stored);
      this.#writes.put(this.#segments, key, encodeSegment(segment));
      this.#shareTables.putPlace(stored, key);
      added.push(...publishers);
    }
    for (const { epoch, sequence, forgotten } of draft?.recorded ?? []) {
      if (forgotten !== undefined) this.#writes.remove(this.#commits, commitKey(id, forgotten));
      this.#writes.put(this.#commits, commitKey(id, epoch), numbersKey(sequence));
    }
    for (const [epoch] of isCleared ? channel.commits.entries() : []) this.#writes.remove(this.#commits, commitKey(id, epoch));
    if (channel.next === 1) this.#writes.put(this.#meta, NEXT_ID, numbersKey(this.#nextId));
    this.#shareTables.put(id, this.#sharesOf(channel));
    this.#writes.put(this.#channels, Buffer.from(name), numbersKey(id, after.first, after.next, after.bytes, after.entries));
  }

  #sharesOf(channel: StoredChannel): Shares<number> {
    return (channel.shares ??= this.#shareTables.load(channel.id));
  }

  #find(name: string): StoredChannel | undefined {
    const open = this.#open.get(name);
    if (open !== undefined) return open;
    const record = this.#channels.get(Buffer.from(name));
    if (record === undefined) return undefined;
    const id = numberAt(record, 0);
    const commits = Array.from(
      this.#commits.getRange({ start: numbersKey(id), end: numbersKey(id + 1) }),
      ({ key, value }) => [epochOf(key), numberAt(value, 0)] as const,
    );
    const [first, next] = [numberAt(record, 1), numberAt(record, 2)];
    const channel = {
      name,
      id,
      first,
      next,
      bytes: numberAt(record, 3),
      entries: record.length < 5 * NUMBER_BYTES ? next - first : numberAt(record, 4),
      commits: new CommitIndex(commits.toSorted(([, left], [, right]) => left - right)),
      shares: undefined,
    };
    this.#open.set(name, channel);
    return channel;
  }

  /** `undefined` also where the record is damaged, so that this channel does not keep others from what is done for all. */
  #findIntact(name: string): StoredChannel | undefined {
    try {
      return this.#find(name);
    } catch (error) {
      if (isRecordDamaged(error)) return undefined;
      throw error;
    }
  }

  /** Reads the channels' records. @returns an id above all that are in use, and whether one of the records is damaged. */
  #check(): [nextId: number, isDamaged: boolean] {
    let next = 1;
    let isAnyDamaged = false;
    for (const { value } of this.#channels.getRange({ onDamaged: () => (isAnyDamaged = true) }))
      next = Math.max(next, numberAt(value, 0) + 1);
    try {
      const stored = this.#meta.get(NEXT_ID);
      if (stored !== undefined) return [Math.max(next, numberAt(stored, 0)), isAnyDamaged];
    } catch (error) {
      if (!isRecordDamaged(error)) throw error;
    }
    for (const key of this.#segments.getKeys({})) next = Math.max(next, readSegmentKey(key).channel + 1);
    return [next, isAnyDamaged];
  }

  /** Only between commits: those under way hold on to channels. */
  #forgetSome(): void {
    if (this.#open.size <= MAX_OPEN) return;
    let surplus = this.#open.size - MAX_OPEN / 2;
    for (const name of this.#open.keys()) {
      if (surplus-- <= 0) return;
      this.#open.delete(name);
    }
  }
}

function afterRemoval({ first, entries, bytes }: Removal): Pick<StoredChannel, "first" | "entries" | "bytes"> {
  return { first, entries, bytes };
}
