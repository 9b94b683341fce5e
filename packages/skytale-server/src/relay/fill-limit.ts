import { RateLimiter } from "@parley/core/internal";
import type { Retention } from "../log/channel-log.ts";

/** Options of {@link FillLimit}. */
export interface FillLimitOptions {
  readonly retention: Pick<Retention, "maxEntries" | "maxBytes">;
  /** The part of a channel's retention that the commits and proposals of one account may take at once, and in an hour. */
  readonly share: number;
  readonly now?: () => number;
  /** Number of servers between which the rates are divided. Default 1. */
  readonly servers?: (() => number) | undefined;
}

const SECONDS_PER_HOUR = 3600;

/**
 * Limits the commits and proposals of one account in a channel that it doesn't own. Retention evicts application messages of the account that has
 * the most, but no commits and proposals: members need them. So an account that floods a log with them would make it drop what the others have
 * published. In a log that does not evict by account, all entries count.
 */
export class FillLimit {
  readonly #entries: RateLimiter;
  readonly #bytes: RateLimiter;

  constructor({ retention, share, now, servers }: FillLimitOptions) {
    const limiter = (max: number): RateLimiter => {
      const rate = { perSecond: (max * share) / SECONDS_PER_HOUR, burst: Math.max(1, max * share), servers };
      return new RateLimiter({ ...rate, ...(now !== undefined && { now }) });
    };
    this.#entries = limiter(retention.maxEntries);
    this.#bytes = limiter(retention.maxBytes);
  }

  /** Whether an account may publish these commits and proposals to a channel now. Counts them if it may. */
  tryTake(accountId: string, channel: string, { entries, bytes }: { readonly entries: number; readonly bytes: number }): boolean {
    const owner = `${accountId} ${channel}`;
    return this.#entries.tryTake(owner, entries) && this.#bytes.tryTake(owner, bytes);
  }
}
