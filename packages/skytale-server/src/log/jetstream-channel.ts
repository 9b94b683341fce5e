import { deferred, type Deferred } from "@parley/core/internal";
import { MAX_HEAD_BYTES, sizeInRecord, SharedLog, type LogApplication, type LogRecord, type RecordDraft } from "@parley/jetstream";
import { StorageError } from "@parley/storage";
import type { Appended, AppendOutcome, Head, LogPage, NewEntry, ReadOptions, Retention } from "./channel-log.ts";
import { CommitIndex } from "./commit-index.ts";
import { type ChannelState, Draft } from "./draft.ts";
import { decodeChannelHead, decodeCommits, encodeChannelHead, encodeCommits, type PublisherRun } from "./jetstream-head.ts";
import { PageBuilder } from "./page-builder.ts";
import { KEY_ID_LENGTH, type KeyWindow } from "./key-window.ts";

/** What the channels of one log share. */
export interface ChannelContext {
  readonly keys: KeyWindow;
  readonly retention: Retention;
  /** Bytes of the entries of one record, with their lengths, at most. */
  readonly maxRecordBytes: number;
  now(): number;
  expiryNow(): number;
  /** Counts bytes that a publisher has stored in a channel. */
  count(channel: string, publisher: string, change: number): void;
  /** Called with entries of a record when it is in its place. */
  notify(channel: string, page: Appended): void;
}

/** Entries that lie in one record, and go together. */
interface Group {
  readonly first: number;
  /** Sequence of the last entry. */
  readonly last: number;
  /** Bytes of its bodies. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
}

/** A record that is retained. */
interface RecordGroup extends Group {
  /** The record's name in the shared log. */
  readonly seq: number;
  readonly runs: readonly PublisherRun[];
  readonly isEvicted: boolean;
}

/** An entry to be decided on, in the order of the calls. */
interface Pending {
  readonly job: Job;
  readonly entry: NewEntry;
}

interface Job {
  readonly publisher: string;
  readonly outcomes: AppendOutcome[];
  readonly count: number;
  readonly done: Deferred<readonly AppendOutcome[]>;
}

/** Room in a record's head for runs, commits and state, beside the keys. */
const HEAD_ROOM = 16 * 1024;
const MAX_ENTRIES = Math.floor((MAX_HEAD_BYTES - HEAD_ROOM) / KEY_ID_LENGTH);
/** Bytes of a run or a commit in a head, without the publisher's name. */
const ROW_BYTES = 48;
/** Records that are read at the same time. */
const PARALLEL_READS = 8;
/** Old records are purged when there are this many. */
const PURGE_EVERY = 64;

/** One channel's log and this server's state of it: a {@link SharedLog} with numbers, commits and retention. */
export class JetstreamChannel implements ChannelState, LogApplication {
  readonly id: string;
  readonly #context: ChannelContext;
  first = 1;
  next = 1;
  commits: CommitIndex = new CommitIndex();
  /** Changes with every use: the least recently used channels are closed first. */
  usedAt = 0;
  #bytes = 0;
  /** Entries from `first` on that are evicted. */
  #evicted = 0;
  #groups: RecordGroup[] = [];
  #records: { readonly seq: number; readonly at: number }[] = [];
  #pending: Pending[] = [];
  #running: Promise<void> | undefined;
  #log!: SharedLog;

  private constructor(id: string, context: ChannelContext) {
    this.id = id;
    this.#context = context;
  }

  /** @param open opens the channel's shared log for the application. @throws StorageError `storage_failed` */
  static async open(
    id: string,
    context: ChannelContext,
    open: (application: LogApplication) => Promise<SharedLog>,
  ): Promise<JetstreamChannel> {
    const channel = new JetstreamChannel(id, context);
    channel.#log = await open(channel);
    return channel;
  }

  /** Whether appends are under way. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** When the oldest entry was recorded; `undefined` without entries. */
  get oldest(): number | undefined {
    return this.#groups[0]?.recordedAt;
  }

  append(publisher: string, entries: readonly NewEntry[]): Promise<readonly AppendOutcome[]> {
    const job: Job = { publisher, outcomes: [], count: entries.length, done: deferred<readonly AppendOutcome[]>() };
    if (entries.length === 0) return Promise.resolve([]);
    for (const entry of entries) this.#pending.push({ job, entry });
    this.#running ??= this.#run();
    return job.done.promise;
  }

  async read(options: ReadOptions): Promise<LogPage> {
    const { from, limit, maxBytes } = options;
    const page = new PageBuilder(options);
    const groups = from < this.first ? [] : this.#groups.slice(groupOf(this.#groups, from));
    const head = (): Head => ({ first: this.first, next: this.next });
    for (let start = 0; start < groups.length; start += PARALLEL_READS) {
      const some = groups.slice(start, start + wanted(groups, start, limit - (page.next - from), maxBytes));
      const read = await Promise.all(some.map(({ seq, isEvicted }) => (isEvicted ? Promise.resolve([]) : this.#log.read(seq))));
      for (const [index, { first, last, isEvicted }] of some.entries()) {
        const entries = read[index];
        if (isEvicted && !page.addEvicted(last)) return page.finish(head());
        // Purged by another server since: its entries are beyond retention.
        if (entries === undefined) return page.finish(head());
        for (const body of entries.slice(Math.max(0, from - first))) if (!page.add(body)) return page.finish(head());
      }
      if (page.isFull) break;
    }
    return page.finish(head());
  }

  /** Drops entries beyond retention, the oldest first: records of a stream cannot be changed. Returns whether there were any. */
  retain(): boolean {
    const now = this.#context.expiryNow();
    let gone = 0;
    for (const group of this.#groups) {
      const { maxEntries, maxBytes, maxAgeMs } = this.#context.retention;
      if (this.next - this.first - this.#evicted <= maxEntries && this.#bytes <= maxBytes && now - group.recordedAt <= maxAgeMs) break;
      this.first = group.last + 1;
      this.#bytes -= group.bytes;
      if (group.isEvicted) this.#evicted -= group.last - group.first + 1;
      for (const { publisher, bytes } of group.runs) this.#context.count(this.id, publisher, -bytes);
      gone++;
    }
    if (gone > 0) this.#groups = this.#groups.slice(gone);
    return gone > 0;
  }

  /**
   * Removes records from the stream that nothing refers to: neither retention nor, by their keys, publishers that repeat entries.
   *
   * @throws StorageError `storage_failed`
   */
  async purge(keysSince: number, atLeast: number = PURGE_EVERY): Promise<void> {
    const firstKept = this.#groups[0]?.seq ?? Infinity;
    const old = this.#records.findIndex(({ seq, at }) => seq >= firstKept || at >= keysSince);
    const count = old === -1 ? this.#records.length - 1 : old;
    const needed = this.#records[count];
    if (count < atLeast || needed === undefined) return;
    await this.#log.purgeBefore(needed.seq);
    this.#records = this.#records.slice(count);
  }

  /** Removes all entries and commits, on every server. Numbers continue. @throws StorageError `storage_failed` */
  async clear(): Promise<void> {
    const head = encodeChannelHead({ runs: [], commits: [], keys: [], isCleared: true });
    const record = await this.#log.append(() => (this.next === 1 ? undefined : { entries: [], head, withState: true }));
    if (record !== undefined) await this.#log.purgeBefore(record.seq);
  }

  catchUp(): Promise<void> {
    return this.#log.catchUp();
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#log.close();
  }

  restore(state: Uint8Array): void {
    this.#forget();
    this.commits = new CommitIndex(decodeCommits(state));
    this.first = 0;
  }

  apply({ seq, first, count, bytes, at, head, entries }: LogRecord): void {
    const { runs, commits, keys, isEvicted = false, isCleared = false } = decodeChannelHead(head);
    if (isCleared) {
      this.#forget();
      this.commits = new CommitIndex();
      this.#records = [{ seq, at }];
      this.first = this.next = first;
      return;
    }
    // The first record after a purge.
    if (this.first === 0) this.first = first;
    for (const [epoch, index] of commits) this.commits.record(epoch, first + index);
    for (const [index, id] of keys.entries()) this.#context.keys.add(id, first + index, at);
    for (const { publisher, bytes: own } of runs) this.#context.count(this.id, publisher, own);
    this.#groups.push({ seq, first, last: first + count - 1, bytes, recordedAt: at, runs, isEvicted });
    if (isEvicted) this.#evicted += count;
    this.#records.push({ seq, at });
    this.#bytes += bytes;
    this.next = first + count;
    this.retain();
    if (entries !== undefined) this.#context.notify(this.id, { first, bodies: entries });
  }

  state(): Uint8Array {
    return encodeCommits(this.commits.entries());
  }

  now(): number {
    return this.#context.now();
  }

  /** Forgets all entries. */
  #forget(): void {
    for (const { runs } of this.#groups) for (const { publisher, bytes } of runs) this.#context.count(this.id, publisher, -bytes);
    this.#groups = [];
    this.#records = [];
    this.#bytes = 0;
    this.#evicted = 0;
  }

  async #run(): Promise<void> {
    // Appends of the same turn of the event loop share the first record.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#pending.length > 0) await this.#appendRecord();
    this.#running = undefined;
  }

  /** Decides on the entries that wait, up to the size of a record, and appends those that are new. Never rejects. */
  async #appendRecord(): Promise<void> {
    let outcomes: AppendOutcome[] = [];
    try {
      await this.#log.append(() => {
        const draft = new Draft(this, this.#context.keys);
        outcomes = this.#decide(draft);
        return draft.bodies.length === 0 ? undefined : this.#recordOf(draft);
      });
    } catch (error) {
      this.#reject(outcomes.length, error);
      return;
    }
    for (const [index, { job }] of this.#pending.splice(0, outcomes.length).entries()) {
      job.outcomes.push(outcomes[index] as AppendOutcome);
      if (job.outcomes.length === job.count) job.done.resolve(job.outcomes);
    }
  }

  #decide(draft: Draft): AppendOutcome[] {
    const { maxRecordBytes } = this.#context;
    const outcomes: AppendOutcome[] = [];
    let [bytes, headBytes] = [0, 0];
    let last: string | undefined;
    for (const { job, entry } of this.#pending) {
      bytes += sizeInRecord(entry.body);
      if (entry.commit !== undefined) headBytes += ROW_BYTES;
      if (job.publisher !== last) headBytes += ROW_BYTES + 2 * Buffer.byteLength(job.publisher);
      last = job.publisher;
      const isFull = bytes > maxRecordBytes || headBytes > HEAD_ROOM / 2 || draft.bodies.length >= MAX_ENTRIES;
      if (isFull && outcomes.length > 0) break;
      if (bytes > maxRecordBytes) throw new StorageError("storage_failed", tooLarge(entry.body.length));
      outcomes.push(draft.add(job.publisher, entry));
    }
    return outcomes;
  }

  #recordOf({ first, bodies, entries, recorded, keys }: Draft): RecordDraft {
    const runs: { publisher: string; count: number; bytes: number }[] = [];
    for (const { publisher, body } of entries) {
      const last = runs.at(-1);
      const run = last?.publisher === publisher ? last : { publisher, count: 0, bytes: 0 };
      if (run !== last) runs.push(run);
      run.count++;
      run.bytes += body.length;
    }
    const commits = recorded.map(({ epoch, sequence }) => [epoch, sequence - first] as const);
    return { entries: bodies, head: encodeChannelHead({ runs, commits, keys: keys.map(({ id }) => id) }) };
  }

  /** Rejects every call that has an entry among the first ones, with all of its entries. */
  #reject(count: number, error: unknown): void {
    const failed = new Set(this.#pending.slice(0, Math.max(1, count)).map(({ job }) => job));
    this.#pending = this.#pending.filter(({ job }) => !failed.has(job));
    for (const { done } of failed) done.reject(error);
  }
}

/** How many records to read at once for the rest of a page. */
function wanted(groups: readonly RecordGroup[], start: number, limit: number, maxBytes: number): number {
  let [count, entries, bytes] = [0, 0, 0];
  while (count < PARALLEL_READS && (count === 0 || (entries < limit && bytes < maxBytes))) {
    const group = groups[start + count++];
    if (group === undefined) break;
    entries += group.last - group.first + 1;
    bytes += group.bytes;
  }
  return count;
}

/** Index of the record that holds a sequence, or of the first after it. */
function groupOf(groups: readonly Group[], sequence: number): number {
  let [low, high] = [0, groups.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((groups[middle]?.last ?? 0) < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

function tooLarge(bytes: number): string {
  return `An entry of ${bytes} bytes is larger than NATS accepts: raise max_payload in its configuration`;
}
