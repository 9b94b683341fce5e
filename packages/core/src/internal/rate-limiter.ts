import { ChurnMap } from "./churn-map.ts";

/** Options of a {@link RateLimiter}. */
export interface RateLimiterOptions {
  /** Units that one owner regains each second. */
  readonly perSecond: number;
  /** Units that one owner can save up. Default: one second's worth. */
  readonly burst?: number;
  /** Number of owners with a bucket. Beyond it, the bucket of the owner that was idle longest is dropped. Default 100,000. */
  readonly maxOwners?: number;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
  /** Number of servers that apply the same limit to the same owners: each has that part of rate and burst. Default 1. */
  readonly servers?: (() => number) | undefined;
}

interface Bucket {
  /** Negative while overdrawn. */
  tokens: number;
  filledAt: number;
  /** When the bucket was last put at the end of the order. */
  orderedAt: number;
}

const DEFAULT_MAX_OWNERS = 100_000;
const MS_PER_SECOND = 1000;
/** A bucket's place in the order of use lags behind its last use by this much at most: moving it costs more than all the rest. */
const REORDER_AFTER_MS = 1000;

/**
 * A token bucket per owner (account, API key, address). A bucket is kept until it is full again, whatever becomes of the owner's
 * connections: reconnecting regains nothing.
 */
export class RateLimiter {
  readonly #perMsOfAll: number;
  readonly #burstOfAll: number;
  readonly #maxOwners: number;
  readonly #now: () => number;
  readonly #servers: () => number;
  /** In the order of their last use, within a second. */
  readonly #buckets = new ChurnMap<string, Bucket>();

  constructor(options: RateLimiterOptions) {
    const { perSecond, burst = perSecond, maxOwners = DEFAULT_MAX_OWNERS, now = () => performance.now(), servers = () => 1 } = options;
    this.#perMsOfAll = perSecond / MS_PER_SECOND;
    this.#burstOfAll = burst;
    this.#maxOwners = maxOwners;
    this.#now = now;
    this.#servers = servers;
  }

  get #perMs(): number {
    return this.#perMsOfAll / this.#servers();
  }

  get #burst(): number {
    return this.#burstOfAll / this.#servers();
  }

  /** Takes units if the owner has them; a cost above `burst` needs a full bucket. */
  tryTake(owner: string, units = 1): boolean {
    const bucket = this.#bucket(owner);
    const isAllowed = bucket.tokens >= Math.min(units, this.#burst);
    if (isAllowed) bucket.tokens -= units;
    return isAllowed;
  }

  /**
   * Takes units for work that is done in any case, and overdraws the bucket if need be.
   *
   * @returns milliseconds until the owner's bucket is no longer overdrawn: read nothing more from the owner until then.
   */
  take(owner: string, units = 1): number {
    const bucket = this.#bucket(owner);
    bucket.tokens -= units;
    return bucket.tokens >= 0 ? 0 : -bucket.tokens / this.#perMs;
  }

  /** The owner's bucket, filled up to this moment. */
  #bucket(owner: string): Bucket {
    const now = this.#now();
    const bucket = this.#buckets.get(owner);
    if (bucket === undefined) return this.#add(owner, now);
    bucket.tokens = this.#filled(bucket, now);
    bucket.filledAt = now;
    if (now - bucket.orderedAt < REORDER_AFTER_MS) return bucket;
    bucket.orderedAt = now;
    this.#buckets.delete(owner);
    this.#buckets.set(owner, bucket);
    return bucket;
  }

  #add(owner: string, now: number): Bucket {
    const bucket = { tokens: this.#burst, filledAt: now, orderedAt: now };
    this.#forget(now);
    this.#buckets.set(owner, bucket);
    return bucket;
  }

  #filled({ tokens, filledAt }: Bucket, now: number): number {
    return Math.min(this.#burst, tokens + (now - filledAt) * this.#perMs);
  }

  /** Makes room for one more bucket: drops the oldest ones beyond the limit, and full ones, which are the same as no bucket. */
  #forget(now: number): void {
    for (const [oldest, bucket] of this.#buckets) {
      if (this.#buckets.size < this.#maxOwners && this.#filled(bucket, now) < this.#burst) return;
      this.#buckets.delete(oldest);
    }
  }
}
