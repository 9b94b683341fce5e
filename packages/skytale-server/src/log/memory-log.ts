import { StorageError } from "@parley/storage";
import type { Appended, AppendOutcome, ChannelLog, Head, LogPage, NewEntry, ReadOptions, Retention, Watch } from "./channel-log.ts";
import { CommitIndex } from "./commit-index.ts";
import { type ChannelState, Draft } from "./draft.ts";
import { DEFAULT_KEY_WINDOW, KeyWindow, type KeyWindowOptions } from "./key-window.ts";
import { readRetention, type Group, mustGo } from "./retention.ts";
import { Watchers } from "./watchers.ts";

/** Options of a log. */
export interface LogOptions {
  readonly retention?: Partial<Retention>;
  readonly keys?: Partial<KeyWindowOptions>;
  /** The clock, in milliseconds since 1970; for tests. */
  readonly now?: () => number;
  /** The time by which entries expire: one that does not jump ahead. Default `now`. */
  readonly expiryNow?: () => number;
}

interface Channel extends ChannelState {
  readonly id: string;
  first: number;
  next: number;
  bytes: number;
  commits: CommitIndex;
  groups: (Group & { readonly bodies: readonly Uint8Array[]; readonly publisher: string })[];
}

const EMPTY: Head = { first: 1, next: 1 };

/** Logs that end with the process: for tests, and for servers without a data directory. */
export class MemoryLog implements ChannelLog {
  readonly #retention: Retention;
  readonly #now: () => number;
  readonly #expiryNow: () => number;
  readonly #keys: KeyWindow;
  readonly #channels = new Map<string, Channel>();
  readonly #watchers = new Watchers();
  readonly #stored = new Map<string, number>();
  #totalStored = 0;
  #closed = false;

  constructor(options: LogOptions = {}) {
    this.#retention = readRetention(options.retention);
    this.#now = options.now ?? Date.now;
    this.#expiryNow = options.expiryNow ?? this.#now;
    this.#keys = new KeyWindow({ ...DEFAULT_KEY_WINDOW, ...options.keys }, this.#expiryNow());
  }

  append(name: string, publisher: string, entries: readonly NewEntry[]): Promise<readonly AppendOutcome[]> {
    if (this.#closed) return rejectClosed();
    const channel = this.#channels.get(name) ?? newChannel(name);
    const draft = new Draft(channel, this.#keys);
    const outcomes = entries.map((entry) => draft.add(publisher, entry));
    if (draft.bodies.length > 0) this.#take(channel, draft, publisher);
    return Promise.resolve(outcomes);
  }

  read(name: string, options: ReadOptions): Promise<LogPage> {
    if (this.#closed) return rejectClosed();
    const channel = this.#channels.get(name);
    const bodies = channel === undefined ? [] : readChannel(channel, options);
    return Promise.resolve({ first: options.from, bodies, head: headOf(channel) });
  }

  head(name: string): Promise<Head> {
    return this.#closed ? rejectClosed() : Promise.resolve(headOf(this.#channels.get(name)));
  }

  watch(name: string, listener: (page: Appended) => void): Promise<Watch> {
    if (this.#closed) return rejectClosed();
    const stop = this.#watchers.add(name, listener);
    return Promise.resolve({ head: headOf(this.#channels.get(name)), stop });
  }

  storedBytes(publisher: string): number {
    return this.#stored.get(publisher) ?? 0;
  }

  get totalStoredBytes(): number {
    return this.#totalStored;
  }

  expire(): Promise<void> {
    for (const channel of this.#channels.values()) this.#retain(channel);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #take(channel: Channel, draft: Draft, publisher: string): void {
    const now = this.#now();
    const bytes = draft.bodies.reduce((sum, { length }) => sum + length, 0);
    channel.groups.push({ first: draft.first, last: draft.next - 1, bytes, recordedAt: now, bodies: draft.bodies, publisher });
    this.#count(publisher, bytes);
    channel.bytes += bytes;
    channel.next = draft.next;
    channel.commits = draft.commits;
    for (const { id, sequence } of draft.keys) this.#keys.add(id, sequence, this.#expiryNow());
    this.#channels.set(channel.id, channel);
    this.#retain(channel);
    this.#watchers.tell(channel.id, draft);
  }

  #retain(channel: Channel): void {
    const now = this.#expiryNow();
    let gone = 0;
    for (const group of channel.groups) {
      if (!mustGo(group, { entries: channel.next - channel.first, bytes: channel.bytes }, this.#retention, now)) break;
      channel.first = group.last + 1;
      channel.bytes -= group.bytes;
      this.#count(group.publisher, -group.bytes);
      gone++;
    }
    if (gone > 0) channel.groups = channel.groups.slice(gone);
  }

  #count(publisher: string, change: number): void {
    this.#totalStored += change;
    const bytes = this.storedBytes(publisher) + change;
    if (bytes > 0) this.#stored.set(publisher, bytes);
    else this.#stored.delete(publisher);
  }
}

function newChannel(name: string): Channel {
  return { id: name, first: 1, next: 1, bytes: 0, commits: new CommitIndex(), groups: [] };
}

function headOf(channel: Channel | undefined): Head {
  return channel === undefined ? EMPTY : { first: channel.first, next: channel.next };
}

function readChannel({ first, groups }: Channel, { from, limit, maxBytes }: ReadOptions): Uint8Array[] {
  const found: Uint8Array[] = [];
  if (from < first) return found;
  let bytes = 0;
  for (let index = groupOf(groups, from); index < groups.length; index++) {
    const group = groups[index];
    if (group === undefined) break;
    for (let at = Math.max(0, from - group.first); at < group.bodies.length; at++) {
      const body = group.bodies[at] as Uint8Array;
      bytes += body.length;
      if (found.length >= limit || (bytes > maxBytes && found.length > 0)) return found;
      found.push(body);
    }
  }
  return found;
}

/** Index of the group that holds a sequence, or of the first after it. */
function groupOf(groups: readonly Group[], sequence: number): number {
  let low = 0;
  let high = groups.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((groups[middle]?.last ?? 0) < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

function rejectClosed(): Promise<never> {
  return Promise.reject(new StorageError("storage_failed", "The log is closed"));
}
