import { RateLimiter } from "@parley/core/internal";
import type { Retention } from "../log/channel-log.ts";

/** Options of {@link FillLimit}. */
export interface FillLimitOptions {
  readonly retention: Pick<Retention, "maxEntries" | "maxBytes">;
  /** The part of a channel's log that one account may fill at once, and in an hour. */
  readonly share: number;
  readonly now?: () => number;
}

const SECONDS_PER_HOUR = 3600;

/**
 * How fast one account may fill the log of a channel that it doesn't own: what one account publishes must not push what the others have
 * published out of the log within minutes.
 */
export class FillLimit {
  readonly #entries: RateLimiter;
  readonly #bytes: RateLimiter;

  constructor({ retention, share, now }: FillLimitOptions) {
    const limiter = (max: number): RateLimiter =>
      new RateLimiter({ perSecond: (max * share) / SECONDS_PER_HOUR, burst: Math.max(1, max * share), ...(now !== undefined && { now }) });
    this.#entries = limiter(retention.maxEntries);
    this.#bytes = limiter(retention.maxBytes);
  }

  /** Whether an account may publish so much more to a channel now; counts it then. */
  tryTake(accountId: string, channel: string, { entries, bytes }: { readonly entries: number; readonly bytes: number }): boolean {
    const owner = `${accountId} ${channel}`;
    return this.#entries.tryTake(owner, entries) && this.#bytes.tryTake(owner, bytes);
  }
}
