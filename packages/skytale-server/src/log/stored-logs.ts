import { type Environment, NUMBER_BYTES, numberAt, numbersKey, type Table } from "@parley/storage";
import { commitKey, epochOf, readSegmentKey } from "./log-keys.ts";
import { decodeSegment } from "./segment.ts";

/** A channel's log in a data directory. */
export interface StoredLog {
  readonly name: string;
  readonly id: number;
  readonly first: number;
  readonly next: number;
  /** The commits on record, in the order of their recording. */
  readonly commits: readonly (readonly [epoch: bigint, sequence: number])[];
}

/** Entries of a log that follow one another. */
export interface StoredSegment {
  readonly first: number;
  /** Their number. */
  readonly count: number;
  /** `undefined` for entries that are evicted, or damaged. */
  readonly bodies: readonly Uint8Array[] | undefined;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
  /** The account; `undefined` in segments of older versions. */
  readonly publisher: string | undefined;
}

/** Reads the logs of a data directory as they are on disk, to write them elsewhere. No server may use the directory. */
export class StoredLogs {
  readonly #channels: Table;
  readonly #segments: Table;
  readonly #commits: Table;
  readonly #accounts: ReadonlyMap<number, string>;

  constructor(environment: Environment) {
    this.#channels = environment.table("log-channels");
    this.#segments = environment.table("log-segments");
    this.#commits = environment.table("log-commits");
    const rows = environment.table("log-publishers").getRange({});
    this.#accounts = new Map(Array.from(rows, ({ key, value }) => [numberAt(key, 0), Buffer.from(value).toString("utf8", NUMBER_BYTES)]));
  }

  *logs(): Generator<StoredLog> {
    for (const { key, value } of this.#channels.getRange({})) {
      const id = numberAt(value, 0);
      const commits = Array.from(
        this.#commits.getRange({ start: commitKey(id, 0n), end: numbersKey(id + 1) }),
        (row) => [epochOf(row.key), numberAt(row.value, 0)] as const,
      ).toSorted(([, left], [, right]) => left - right);
      yield { name: Buffer.from(key).toString(), id, first: numberAt(value, 1), next: numberAt(value, 2), commits };
    }
  }

  /** All entries of a log from a number on, without gaps. */
  *segments({ id, first, next }: StoredLog, from: number): Generator<StoredSegment> {
    let expected = Math.max(first, from);
    for (const { key, value } of this.#segments.getRange({ start: numbersKey(id, expected), end: numbersKey(id + 1) })) {
      const { last, count, recordedAt, publishers, kind } = readSegmentKey(key);
      const start = last - count + 1;
      if (start > expected) yield gone(expected, start, recordedAt);
      const bodies = kind === "evicted" ? undefined : decodeSegment(value, count)?.slice(Math.max(0, expected - start));
      const begin = Math.max(start, expected);
      const [publisher] = publishers;
      const account = publishers.length === 1 && publisher !== undefined ? this.#accounts.get(publisher.publisher) : undefined;
      // Views of a page of the database end with the iteration.
      const copies = bodies?.map((body) => Uint8Array.from(body));
      yield { first: begin, count: last - begin + 1, bodies: copies, recordedAt, publisher: account };
      expected = last + 1;
    }
    if (expected < next) yield gone(expected, next, 0);
  }
}

/** Entries whose segment is damaged. */
function gone(first: number, next: number, recordedAt: number): StoredSegment {
  return { first, count: next - first, bodies: undefined, recordedAt, publisher: undefined };
}
