import { TransientMap } from "./transient-map.ts";

/** Options of a {@link RateLimiter}. */
export interface RateLimiterOptions {
  /** Units that one owner regains each second. */
  readonly perSecond: number;
  /** Units that one owner can save up. Default: one second's worth. */
  readonly burst?: number;
  /** Owners remembered at once; beyond it the one that was idle longest is forgotten. Default 100,000. */
  readonly maxOwners?: number;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

interface Bucket {
  /** Negative while overdrawn. */
  readonly tokens: number;
  readonly filledAt: number;
}

const DEFAULT_MAX_OWNERS = 100_000;
const MS_PER_SECOND = 1000;

/**
 * A token bucket per owner (account, API key, address). A bucket is kept until it is full again, whatever becomes of the owner's
 * connections: reconnecting regains nothing.
 */
export class RateLimiter {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #maxOwners: number;
  readonly #now: () => number;
  /** In the order of their last use. */
  readonly #buckets = new TransientMap<string, Bucket>();

  constructor({ perSecond, burst = perSecond, maxOwners = DEFAULT_MAX_OWNERS, now = () => performance.now() }: RateLimiterOptions) {
    this.#perMs = perSecond / MS_PER_SECOND;
    this.#burst = burst;
    this.#maxOwners = maxOwners;
    this.#now = now;
  }

  /** Takes units if the owner has them; a cost above `burst` needs a full bucket. */
  tryTake(owner: string, units = 1): boolean {
    const now = this.#now();
    const tokens = this.#tokens(owner, now);
    const isAllowed = tokens >= Math.min(units, this.#burst);
    this.#store(owner, isAllowed ? tokens - units : tokens, now);
    return isAllowed;
  }

  /**
   * Takes units for work that is done in any case, and overdraws the bucket if need be.
   *
   * @returns milliseconds until the owner's bucket is no longer overdrawn: read nothing more from the owner until then.
   */
  take(owner: string, units = 1): number {
    const now = this.#now();
    const tokens = this.#tokens(owner, now) - units;
    this.#store(owner, tokens, now);
    return tokens >= 0 ? 0 : -tokens / this.#perMs;
  }

  #tokens(owner: string, now: number): number {
    const bucket = this.#buckets.get(owner);
    return bucket === undefined ? this.#burst : this.#filled(bucket, now);
  }

  #filled({ tokens, filledAt }: Bucket, now: number): number {
    return Math.min(this.#burst, tokens + (now - filledAt) * this.#perMs);
  }

  #store(owner: string, tokens: number, now: number): void {
    this.#buckets.delete(owner);
    this.#buckets.set(owner, { tokens, filledAt: now });
    for (const [oldest, bucket] of this.#buckets) {
      // A full bucket equals none.
      if (this.#buckets.size <= this.#maxOwners && this.#filled(bucket, now) < this.#burst) return;
      this.#buckets.delete(oldest);
    }
  }
}
