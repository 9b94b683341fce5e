import { numberAt, numbersKey, type Environment, StorageError, type Table, type WriteQueue } from "@parley/storage";
import type { Head, LogPage, ReadOptions, Retention } from "./channel-log.ts";
import { CommitIndex } from "./commit-index.ts";
import type { ChannelState, Draft } from "./draft.ts";
import { commitKey, epochOf, type PublisherBytes, readSegmentKey, segmentKey } from "./log-keys.ts";
import { PublisherTable } from "./publisher-table.ts";
import { mustGo } from "./retention.ts";
import { decodeSegment, encodeSegment, segmentsOf } from "./segment.ts";

/** A channel as it is on disk. */
export interface StoredChannel extends ChannelState {
  readonly name: string;
  readonly id: number;
  first: number;
  next: number;
  /** Bytes of all bodies. */
  bytes: number;
  commits: CommitIndex;
}

/** What a commit appends to a channel. */
interface Written {
  readonly channel: StoredChannel;
  readonly draft: Draft;
}

/** What a channel's log holds when the oldest segments have gone. */
interface Retained {
  readonly first: number;
  readonly bytes: number;
  readonly removed: readonly Uint8Array[];
  readonly publishers: readonly PublisherBytes[];
}

/** Channels of which something is known in memory; more are forgotten when nothing is under way, and read again when needed. */
const MAX_OPEN = 10_000;
const PAGE = 256;
const NEXT_ID = Buffer.from("next-id");
const EMPTY: Head = { first: 1, next: 1 };

/**
 * The tables of the logs: `log-channels` (name → id, first, next, bytes), `log-segments` (channel, last sequence, … → entries),
 * `log-commits` (channel, epoch → sequence), `log-publishers` (id → bytes, account), `log-meta` (the next channel's id).
 */
export class ChannelTables {
  readonly #writes: WriteQueue;
  readonly #channels: Table;
  readonly #segments: Table;
  readonly #commits: Table;
  readonly #meta: Table;
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
    return found ?? { name, id: this.#nextId++, first: 1, next: 1, bytes: 0, commits: new CommitIndex() };
  }

  read(name: string, { from, limit, maxBytes }: ReadOptions): LogPage {
    const channel = this.#find(name);
    if (channel === undefined) return { first: from, bodies: [], head: EMPTY };
    const { id, first, next } = channel;
    const bodies: Uint8Array[] = [];
    if (from < first || from >= next) return { first: from, bodies, head: { first, next } };
    let bytes = 0;
    for (const { key, value } of this.#segments.getRange({ start: numbersKey(id, from), end: numbersKey(id + 1) })) {
      const { last, count } = readSegmentKey(key);
      const start = last - count + 1;
      // The requested entries were removed by a commit in progress, or are damaged: the rest is read as after a removal.
      if (start > from + bodies.length) return { first: from, bodies, head: { first: bodies.length === 0 ? start : first, next } };
      const segment = decodeSegment(value, count);
      if (segment === undefined) continue;
      for (let sequence = Math.max(start, from + bodies.length); sequence <= last && sequence < next; sequence++) {
        const body = segment[sequence - start] as Uint8Array;
        bytes += body.length;
        if (bodies.length >= limit || (bytes > maxBytes && bodies.length > 0)) return { first: from, bodies, head: { first, next } };
        bodies.push(body);
      }
      if (last + 1 >= next || bodies.length >= limit || bytes >= maxBytes) break;
    }
    // The last segments are damaged.
    return { first: from, bodies, head: { first: bodies.length === 0 ? next : first, next } };
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

  /** Whether the oldest segment was recorded before a time. */
  holdsBefore(name: string, time: number): boolean {
    const channel = this.#findIntact(name);
    if (channel === undefined) return false;
    const [key] = this.#segments.getKeys({ start: numbersKey(channel.id), end: numbersKey(channel.id + 1), limit: 1 });
    return key !== undefined && readSegmentKey(key).recordedAt < time;
  }

  /** Which of the old segments must go, by channel: those of channels that are written to, or may hold what is too old. */
  retain(written: readonly Written[], expiring: ReadonlySet<string>, retention: Retention, now: number): Map<StoredChannel, Retained> {
    const all = new Map<StoredChannel, Retained>();
    for (const { channel, draft } of written) {
      const added = draft.bodies.reduce((sum, { length }) => sum + length, 0);
      const full = draft.next - channel.first > retention.maxEntries || channel.bytes + added > retention.maxBytes;
      if (full || expiring.has(channel.name)) this.#retain(channel, draft.next, added, retention, now, all);
    }
    for (const name of expiring) {
      const channel = this.#findIntact(name);
      if (channel !== undefined && !written.some((one) => one.channel === channel)) {
        this.#retain(channel, channel.next, 0, retention, now, all);
      }
    }
    return all;
  }

  /** Queues all writes of a commit. Returns what is to be done once they are durable. */
  put(written: readonly Written[], retained: ReadonlyMap<StoredChannel, Retained>, now: number): () => void {
    const changed: (() => void)[] = [];
    const addedBytes: PublisherBytes[] = [];
    const removedBytes: PublisherBytes[] = [];
    for (const [channel, { removed, publishers }] of retained) {
      for (const share of publishers) removedBytes.push(share);
      for (const key of removed) this.#writes.remove(this.#segments, key);
      if (!written.some((one) => one.channel === channel)) changed.push(this.#putChannel(channel, undefined, 0, retained.get(channel)));
    }
    for (const { channel, draft } of written) changed.push(this.#putEntries(channel, draft, retained.get(channel), now, addedBytes));
    changed.push(this.publishers.put(addedBytes, removedBytes));
    return () => {
      for (const take of changed) take();
      this.#forgetSome();
    };
  }

  #retain(channel: StoredChannel, next: number, added: number, retention: Retention, now: number, all: Map<StoredChannel, Retained>): void {
    let { first, bytes } = channel;
    const removed: Uint8Array[] = [];
    const publishers: PublisherBytes[] = [];
    for (const key of this.#segments.getKeys({ start: numbersKey(channel.id), end: numbersKey(channel.id + 1) })) {
      const segment = readSegmentKey(key);
      const group = { first, last: segment.last, bytes: segment.bytes, recordedAt: segment.recordedAt };
      if (!mustGo(group, { entries: next - first, bytes: bytes + added }, retention, now)) break;
      removed.push(Uint8Array.from(key));
      publishers.push(...segment.publishers);
      first = segment.last + 1;
      bytes -= segment.bytes;
    }
    if (removed.length > 0) all.set(channel, { first, bytes, removed, publishers });
  }

  /** @param counted receives the bytes of each publisher. */
  #putEntries(channel: StoredChannel, draft: Draft, retained: Retained | undefined, now: number, counted: PublisherBytes[]): () => void {
    let added = 0;
    const ids = draft.publishers.map((publisher) => this.publishers.idOf(publisher));
    for (const segment of segmentsOf(draft.first, draft.bodies, ids)) {
      const { last, bytes, bodies, publishers } = segment;
      const key = segmentKey({ channel: channel.id, last, count: bodies.length, bytes, recordedAt: now, publishers });
      this.#writes.put(this.#segments, key, encodeSegment(segment));
      added += bytes;
      counted.push(...publishers);
    }
    for (const { epoch, sequence, forgotten } of draft.recorded) {
      if (forgotten !== undefined) this.#writes.remove(this.#commits, commitKey(channel.id, forgotten));
      this.#writes.put(this.#commits, commitKey(channel.id, epoch), numbersKey(sequence));
    }
    if (channel.next === 1) this.#writes.put(this.#meta, NEXT_ID, numbersKey(this.#nextId));
    return this.#putChannel(channel, draft, added, retained);
  }

  #putChannel(channel: StoredChannel, draft: Draft | undefined, added: number, retained: Retained | undefined): () => void {
    const first = retained?.first ?? channel.first;
    const next = draft?.next ?? channel.next;
    const bytes = (retained?.bytes ?? channel.bytes) + added;
    this.#writes.put(this.#channels, Buffer.from(channel.name), numbersKey(channel.id, first, next, bytes));
    return () => {
      channel.first = first;
      channel.next = next;
      channel.bytes = bytes;
      if (draft !== undefined) channel.commits = draft.commits;
      this.#open.set(channel.name, channel);
    };
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
    const channel = {
      name,
      id,
      first: numberAt(record, 1),
      next: numberAt(record, 2),
      bytes: numberAt(record, 3),
      commits: new CommitIndex(commits.toSorted(([, left], [, right]) => left - right)),
    };
    this.#open.set(name, channel);
    return channel;
  }

  /** `undefined` also where the record is damaged, so that this channel does not keep others from what is done for all. */
  #findIntact(name: string): StoredChannel | undefined {
    try {
      return this.#find(name);
    } catch (error) {
      if (isDamaged(error)) return undefined;
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
      if (!isDamaged(error)) throw error;
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

function isDamaged(error: unknown): boolean {
  return error instanceof StorageError && error.code === "record_damaged";
}
