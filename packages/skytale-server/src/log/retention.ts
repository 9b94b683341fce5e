import { amount, count, options, type OptionSchema, readOptions } from "@parley/server-kit";
import type { Retention } from "./channel-log.ts";

/** The schema of {@link Retention}. */
export const RETENTION: OptionSchema<Retention> = options<Retention>({
  maxEntries: count(1_000_000),
  maxBytes: count(1024 * 1024 * 1024),
  maxAgeMs: amount(30 * 24 * 60 * 60_000),
});

/** Fills in the defaults. @throws TypeError naming the option. */
export function readRetention(retention: Partial<Retention> = {}): Retention {
  return readOptions(RETENTION, retention, "retention.");
}

/** Entries that were appended together, and go together. */
export interface Group {
  readonly first: number;
  /** Sequence of the last entry. */
  readonly last: number;
  /** Bytes of its bodies. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
}

/** What a channel's log would hold. */
export interface Holding {
  readonly entries: number;
  readonly bytes: number;
}

/** Whether a group, the oldest of a log, must go. */
export function mustGo(group: Group, { entries, bytes }: Holding, retention: Retention, now: number): boolean {
  return entries > retention.maxEntries || bytes > retention.maxBytes || now - group.recordedAt > retention.maxAgeMs;
}
