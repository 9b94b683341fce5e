import type { Head, LogPage, ReadOptions, Retention } from "./channel-log.ts";
import { CommitIndex } from "./commit-index.ts";
import type { ChannelState, Draft } from "./draft.ts";
import { PageBuilder } from "./page-builder.ts";
import { nextToGo } from "./retention.ts";
import { type Segment, segmentsOf } from "./segment.ts";
import { Shares } from "./shares.ts";

/** A segment; without bodies, its entries are evicted. */
interface Group extends Omit<Segment<string>, "bodies"> {
  readonly first: number;
  readonly recordedAt: number;
  bodies: readonly Uint8Array[] | undefined;
}

/** Groups that an account can lose, oldest first. */
interface Queue {
  readonly groups: Group[];
  start: number;
}

/** Minimum number of empty groups that are merged. */
const MIN_EMPTIED = 64;

/** Called with the change in the stored bytes of an account. */
export type CountBytes = (publisher: string, change: number) => void;

/** The log of one channel in memory. */
export class MemoryChannel implements ChannelState {
  readonly id: string;
  first = 1;
  next = 1;
  commits: CommitIndex = new CommitIndex();
  readonly #count: CountBytes;
  readonly #shares = new Shares<string>();
  readonly #queues = new Map<string, Queue>();
  #groups: Group[] = [];
  /** Index of the first group that is not removed. */
  #start = 0;
  /** Groups that have lost their entries since groups were put together. */
  #emptied = 0;
  #entries = 0;
  #bytes = 0;

  constructor(id: string, count: CountBytes) {
    this.id = id;
    this.#count = count;
  }

  get head(): Head {
    return { first: this.first, next: this.next };
  }

  append(draft: Draft, recordedAt: number): void {
    for (const segment of segmentsOf(draft.first, draft.entries)) {
      const { publisher, kind, bytes, bodies, last } = segment;
      // The spread comes last: see "Objects" in bench/README.md.
      const group = { first: last - bodies.length + 1, recordedAt, ...segment };
      this.#groups.push(group);
      if (kind === "application") this.#queueOf(publisher).groups.push(group);
      this.#shares.add(publisher, kind, { entries: bodies.length, bytes });
      this.#count(publisher, bytes);
      this.#entries += bodies.length;
      this.#bytes += bytes;
    }
    this.next = draft.next;
    this.commits = draft.commits;
  }

  read(options: ReadOptions): LogPage {
    const page = new PageBuilder(options);
    if (options.from < this.first) return page.finish(this.head);
    for (let index = this.#indexOf(options.from); index < this.#groups.length; index++) {
      const { first, last, bodies } = this.#groups[index] as Group;
      if (bodies === undefined) {
        if (!page.addEvicted(last)) break;
        continue;
      }
      while (page.next <= last) if (!page.add(bodies[page.next - first] as Uint8Array)) return page.finish(this.head);
    }
    return page.finish(this.head);
  }

  /** Removes what retention does not keep. */
  retain(retention: Retention, now: number): void {
    for (let oldest = this.#oldest(); oldest !== undefined; oldest = this.#oldest()) {
      const held = { entries: this.#entries, bytes: this.#bytes };
      const { recordedAt } = oldest;
      const next = nextToGo({ recordedAt, isCounted: true }, held, { shares: this.#shares, retention, now });
      if (next === undefined) break;
      this.#remove(next === "oldest" ? oldest : (this.#takeOldestOf(next.account) ?? oldest));
    }
    this.#compact();
  }

  #remove(group: Group): void {
    const { publisher, kind, bytes, bodies } = group;
    if (bodies === undefined) return;
    const entries = bodies.length;
    group.bodies = undefined;
    this.#emptied++;
    this.#entries -= entries;
    this.#bytes -= bytes;
    this.#shares.remove(publisher, kind, { entries, bytes });
    this.#count(publisher, -bytes);
  }

  /** The first group that has entries. Those before it are removed. */
  #oldest(): Group | undefined {
    for (; this.#start < this.#groups.length; this.#start++) {
      const group = this.#groups[this.#start] as Group;
      if (group.bodies !== undefined) return group;
      this.first = group.last + 1;
    }
    return undefined;
  }

  #queueOf(publisher: string): Queue {
    const queue = this.#queues.get(publisher) ?? { groups: [], start: 0 };
    this.#queues.set(publisher, queue);
    return queue;
  }

  #takeOldestOf(publisher: string): Group | undefined {
    const queue = this.#queueOf(publisher);
    while (queue.start < queue.groups.length && queue.groups[queue.start]?.bodies === undefined) queue.start++;
    if (queue.start * 2 > queue.groups.length) {
      queue.groups.splice(0, queue.start);
      queue.start = 0;
    }
    return queue.groups[queue.start];
  }

  /** Puts neighbouring groups of evicted entries together, each time half of all groups have become such. */
  #compact(): void {
    if (this.#emptied < MIN_EMPTIED || this.#emptied * 2 < this.#groups.length) return;
    const groups: Group[] = [];
    for (let index = this.#start; index < this.#groups.length; index++) {
      const group = this.#groups[index] as Group;
      const before = groups.at(-1);
      const isJoined = group.bodies === undefined && before !== undefined && before.bodies === undefined;
      if (isJoined) groups[groups.length - 1] = { ...group, first: before.first };
      else groups.push(group);
    }
    this.#groups = groups;
    this.#start = 0;
    this.#emptied = 0;
  }

  /** Index of the group that holds a sequence, or of the first after it. */
  #indexOf(sequence: number): number {
    let low = this.#start;
    let high = this.#groups.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#groups[middle] as Group).last < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
