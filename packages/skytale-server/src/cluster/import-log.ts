import type { ImportedRecord, LogImport } from "@parley/jetstream";
import { encodeChannelHead, encodeCommits, type PublisherRun } from "../log/jetstream-head.ts";
import type { StoredLog, StoredLogs, StoredSegment } from "../log/stored-logs.ts";

/** What was imported of a log. */
export interface ImportedLog {
  readonly entries: number;
  /** Entries that are evicted, or damaged. */
  readonly missing: number;
}

/** Segments that are stored in one record, at most: entries, bytes, accounts, and the time between the first and the last one. */
const MAX_ENTRIES = 4096;
const MAX_BYTES = 1024 * 1024;
const MAX_RUNS = 256;
const MAX_APART_MS = 60_000;
/** Evicted entries in one record, which have four bytes each. */
const MAX_EVICTED = 100_000;

/** Writes a log of a data directory under the same numbers. Continues an import that was interrupted. */
export async function importLog(stored: StoredLogs, log: StoredLog, target: LogImport): Promise<ImportedLog> {
  const epochs = new Map(log.commits.map(([epoch, sequence]) => [sequence, epoch]));
  const count = { entries: 0, missing: 0 };
  const state = encodeCommits(log.commits.filter(([, sequence]) => sequence < log.first));
  for (const group of groupsOf(stored.segments(log, log.first))) {
    const { first, entries, isEvicted } = group;
    count.entries += isEvicted ? 0 : entries.length;
    count.missing += isEvicted ? entries.length : 0;
    if (target.next !== undefined && first < target.next) continue;
    const commits = entries.flatMap((_, index) => {
      const epoch = epochs.get(first + index);
      return epoch === undefined ? [] : [[epoch, index] as const];
    });
    const head = encodeChannelHead({ runs: group.runs, commits, keys: [], isEvicted });
    await target.append({ first, at: group.at, entries, head }, state);
  }
  return count;
}

interface Group extends Omit<ImportedRecord, "head"> {
  readonly runs: readonly PublisherRun[];
  readonly isEvicted: boolean;
}

/** The records of segments: the same ones each time, so that an import can be continued. */
function* groupsOf(segments: Iterable<StoredSegment>): Generator<Group> {
  let open: StoredSegment[] = [];
  let [entries, bytes] = [0, 0];
  const close = (): Group[] => {
    const group = groupOf(open);
    open = [];
    [entries, bytes] = [0, 0];
    return group === undefined ? [] : [group];
  };
  for (const segment of segments) {
    if (segment.bodies === undefined) {
      yield* close();
      yield* evictedGroups(segment);
      continue;
    }
    const size = segment.bodies.reduce((sum, { length }) => sum + length, 0);
    const isApart = segment.recordedAt - (open[0]?.recordedAt ?? segment.recordedAt) > MAX_APART_MS;
    if (isApart || open.length >= MAX_RUNS || entries + segment.count > MAX_ENTRIES || bytes + size > MAX_BYTES) yield* close();
    open.push(segment);
    entries += segment.count;
    bytes += size;
  }
  yield* close();
}

function groupOf(segments: readonly StoredSegment[]): Group | undefined {
  const [first, last] = [segments[0], segments.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const runs = segments.flatMap(({ publisher, bodies = [], count }) => {
    const bytes = bodies.reduce((sum, { length }) => sum + length, 0);
    return publisher === undefined ? [] : [{ publisher, count, bytes }];
  });
  return { first: first.first, at: last.recordedAt, entries: segments.flatMap(({ bodies = [] }) => bodies), runs, isEvicted: false };
}

function* evictedGroups({ first, count, recordedAt }: StoredSegment): Generator<Group> {
  for (let done = 0; done < count; done += MAX_EVICTED) {
    const entries = Array.from({ length: Math.min(MAX_EVICTED, count - done) }, () => new Uint8Array());
    yield { first: first + done, at: recordedAt, entries, runs: [], isEvicted: true };
  }
}
