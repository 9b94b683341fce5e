import { numbersKey, type Table } from "@parley/storage";
import { readSegmentKey, type SegmentKey } from "./log-keys.ts";
import { nextToGo } from "./retention.ts";
import type { Retention } from "./channel-log.ts";
import type { Shares } from "./shares.ts";
import type { ShareTables } from "./share-tables.ts";

/** A channel whose log loses entries. */
export interface RemovalChannel {
  readonly id: number;
  readonly first: number;
  /** Entries and bytes that are stored, with those that the same commit appends. */
  readonly entries: number;
  readonly bytes: number;
  /** Includes what the same commit appends. */
  readonly shares: Shares<number>;
  /** Whether the same commit appends entries. */
  readonly isAppended: boolean;
}

/** The rules and the bound of a removal. */
export interface RemovalLimits {
  readonly retention: Retention;
  readonly now: number;
  /** Segments that this removal may still remove. It counts them down. */
  readonly budget: { left: number };
}

/** A segment, with its key as stored. */
interface Stored extends SegmentKey {
  readonly key: Uint8Array;
}

/** What a commit removes from one log, and the log's bounds afterwards. */
export interface Removal {
  readonly first: number;
  readonly entries: number;
  readonly bytes: number;
  /** Segments whose records are removed. */
  readonly removed: readonly Stored[];
  /** Records to write for evicted entries. */
  readonly runs: readonly SegmentKey[];
  /** Whether the log is within its retention; otherwise the next commit has to continue. */
  readonly isDone: boolean;
}

/**
 * Decides which stored segments of one log a commit removes, by {@link nextToGo}. Updates the shares of the channel immediately: after a
 * failed commit the caller loads them again. Reads only keys, a bounded number for each removed segment.
 */
export function planRemoval(channel: RemovalChannel, segments: Table, shareTables: ShareTables, limits: RemovalLimits): Removal {
  return new RemovalPlan(channel, segments, shareTables).run(limits);
}

class RemovalPlan implements Removal {
  first: number;
  entries: number;
  bytes: number;
  readonly removed: Stored[] = [];
  readonly runs: SegmentKey[] = [];
  isDone = false;
  readonly #channel: RemovalChannel;
  readonly #segments: Table;
  readonly #shareTables: ShareTables;
  /** Segments that are evicted by account, by their last sequence. */
  readonly #evicted = new Map<number, Stored>();
  /** Where to search for the next segment of an account. */
  readonly #searchFrom = new Map<number, number>();
  /** The segment found last by {@link RemovalPlan.#oldest}. */
  #known: Stored | undefined;

  constructor(channel: RemovalChannel, segments: Table, shareTables: ShareTables) {
    this.#channel = channel;
    this.#segments = segments;
    this.#shareTables = shareTables;
    this.first = channel.first;
    this.entries = channel.entries;
    this.bytes = channel.bytes;
  }

  run(limits: RemovalLimits): this {
    this.isDone = this.#removeSegments(limits);
    this.#makeRuns();
    return this;
  }

  #removeSegments({ retention, now, budget }: RemovalLimits): boolean {
    const { shares } = this.#channel;
    for (;;) {
      const oldest = this.#oldest(budget);
      if (oldest === undefined) return budget.left > 0;
      const next = nextToGo({ recordedAt: oldest.recordedAt, isCounted: oldest.kind !== "unknown" }, this, { shares, retention, now });
      if (next === undefined) return true;
      if (budget.left <= 0) return false;
      budget.left--;
      if (next === "oldest" || isOf(oldest, next.account)) {
        this.#remove(oldest);
        this.first = oldest.last + 1;
      } else if (!this.#evict(next.account)) {
        // All of its entries are in this commit: the next one evicts them.
        if (this.#channel.isAppended) return false;
        // Its row was damaged.
        shares.remove(next.account, "application", shares.of(next.account).application);
      }
    }
  }

  /** The first segment that holds entries. Evicted ones before it go at once: nothing is left before them. */
  #oldest(budget: RemovalLimits["budget"]): Stored | undefined {
    for (;;) {
      const known = this.#known;
      const segment = known !== undefined && known.last >= this.first ? known : this.#at(this.first);
      this.#known = segment;
      if (segment === undefined) return undefined;
      if (segment.kind === "evicted") {
        if (budget.left <= 0) return undefined;
        budget.left--;
        this.removed.push(segment);
      } else if (!this.#evicted.delete(segment.last)) return segment;
      this.first = segment.last + 1;
    }
  }

  /** Evicts an account's oldest segment. Returns false if it has none on disk. */
  #evict(account: number): boolean {
    const key = this.#shareTables.oldest(this.#channel.id, account, Math.max(this.first, this.#searchFrom.get(account) ?? 0));
    if (key === undefined) return false;
    const segment = { ...readSegmentKey(key), key };
    this.#searchFrom.set(account, segment.last + 1);
    this.#remove(segment);
    this.#evicted.set(segment.last, segment);
    return true;
  }

  #remove(segment: Stored): void {
    const { kind, count, bytes, publishers } = segment;
    this.removed.push(segment);
    this.entries -= count;
    this.bytes -= bytes;
    const [publisher] = publishers;
    if (publisher !== undefined && kind !== "unknown" && kind !== "evicted")
      this.#channel.shares.remove(publisher.publisher, kind, { entries: count, bytes });
  }

  /**
   * Puts evicted segments that follow one another, and the runs beside them, into one run. A log has at most one run more than other
   * segments.
   */
  #makeRuns(): void {
    const evicted = [...this.#evicted.values()].toSorted((left, right) => left.last - right.last);
    let run: SegmentKey | undefined;
    for (const [index, segment] of evicted.entries()) {
      const start = startOf(segment);
      run = joined(run ?? this.#takeRun(start - 1, (found) => found.last === start - 1), segment);
      const end = run.last;
      const next = evicted[index + 1];
      if (next !== undefined && startOf(next) === end + 1) continue;
      run = joined(
        run,
        this.#takeRun(end + 1, (found) => startOf(found) === end + 1),
      );
      if (next !== undefined && startOf(next) === run.last + 1) continue;
      this.runs.push(run);
      run = undefined;
    }
  }

  /** The stored run of evicted entries that contains a sequence, if it fits. Its record is removed. */
  #takeRun(sequence: number, fits: (run: SegmentKey) => boolean): SegmentKey | undefined {
    const found = sequence < this.first ? undefined : this.#at(sequence);
    if (found?.kind !== "evicted" || !fits(found)) return undefined;
    this.removed.push(found);
    return found;
  }

  /** The segment that holds a sequence, or the first after it. */
  #at(sequence: number): Stored | undefined {
    const { id } = this.#channel;
    for (const key of this.#segments.getKeys({ start: numbersKey(id, sequence), end: numbersKey(id + 1), limit: 1 })) {
      return { ...readSegmentKey(key), key: Uint8Array.from(key) };
    }
    return undefined;
  }
}

/** Whether a segment holds application entries of an account. */
function isOf({ kind, publishers }: SegmentKey, account: number): boolean {
  return kind === "application" && publishers[0]?.publisher === account;
}

function startOf({ last, count }: SegmentKey): number {
  return last - count + 1;
}

/** One run in place of two parts that follow one another. */
function joined(left: SegmentKey | undefined, right: SegmentKey): SegmentKey;
function joined(left: SegmentKey, right: SegmentKey | undefined): SegmentKey;
function joined(left: SegmentKey | undefined, right: SegmentKey | undefined): SegmentKey | undefined {
  const part = right ?? left;
  if (part === undefined) return undefined;
  const count = (left?.count ?? 0) + (right?.count ?? 0);
  const recordedAt = Math.max(left?.recordedAt ?? 0, right?.recordedAt ?? 0);
  return { channel: part.channel, last: part.last, count, bytes: 0, recordedAt, publishers: [], kind: "evicted" };
}
