import { amount, count, options, type OptionSchema, readOptions } from "@parley/server-kit";
import type { Retention } from "./channel-log.ts";
import type { Amount, Shares } from "./shares.ts";

/** The schema of {@link Retention}. */
export const RETENTION: OptionSchema<Retention> = options<Retention>({
  maxEntries: count(1_000_000),
  maxBytes: count(1024 * 1024 * 1024),
  maxAgeMs: amount(30 * 24 * 60 * 60_000),
});

/**
 * The part of the retention that application entries have at least: below it, they are not evicted, and the front of the log is removed.
 */
const APPLICATION_SHARE = 0.5;

/** Fills in the defaults. @throws TypeError naming the option. */
export function readRetention(retention: Partial<Retention> = {}): Retention {
  return readOptions(RETENTION, retention, "retention.");
}

/** Keeps nothing. */
export const NO_RETENTION: Retention = { maxEntries: 0, maxBytes: 0, maxAgeMs: Number.NEGATIVE_INFINITY };

/** The oldest part of a log: entries that were appended together, and are removed together. */
export interface Oldest {
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
  /** Whether the account and the kind of its entries are known. Older versions did not store the kind. */
  readonly isCounted: boolean;
}

/**
 * Decides which entries a log loses next: `undefined` for none, its oldest part, or the oldest application entries of one account.
 *
 * Entries that are too old are removed from the front. A log that holds too much loses entries of the account that has the most, so that no
 * account evicts the entries of others that have less. The front is removed instead if an older version wrote it, if one account has all
 * entries, or if most of the log is commits and proposals, which members need in order.
 */
export function nextToGo<Id>(
  oldest: Oldest,
  held: Amount,
  { shares, retention, now }: { readonly shares: Shares<Id>; readonly retention: Retention; readonly now: number },
): "oldest" | { readonly account: Id } | undefined {
  if (now - oldest.recordedAt > retention.maxAgeMs) return "oldest";
  const dimension = held.entries > retention.maxEntries ? "entries" : "bytes";
  const max = dimension === "entries" ? retention.maxEntries : retention.maxBytes;
  if (held[dimension] <= max) return undefined;
  if (!oldest.isCounted || shares.accounts <= 1 || shares.application[dimension] <= max * APPLICATION_SHARE) return "oldest";
  const account = shares.largest(dimension);
  return account === undefined ? "oldest" : { account };
}
