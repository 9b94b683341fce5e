import { TransientMap } from "@parley/core/internal";

interface Bucket {
  readonly tokens: number;
  readonly filledAt: number;
}

/** What {@link RateLimits} is made with. */
export interface RateLimitsOptions {
  /** How many in a time. */
  readonly count: number;
  /** The time, in milliseconds. */
  readonly perMs: number;
  /** Milliseconds on a clock that only goes forward. */
  readonly now?: () => number;
}

/** Callers that are remembered; beyond it the one who was idle longest starts anew. */
const MAX_BUCKETS = 100_000;

/** A token bucket for each caller: `count` calls at once, refilled evenly. */
export class RateLimits {
  readonly #count: number;
  readonly #perMs: number;
  readonly #now: () => number;
  /** Who called last is last. */
  readonly #buckets = new TransientMap<string, Bucket>();

  constructor({ count, perMs, now = () => performance.now() }: RateLimitsOptions) {
    this.#count = count;
    this.#perMs = perMs;
    this.#now = now;
  }

  /** Takes one token of a caller; false when there is none. */
  take(caller: string): boolean {
    const now = this.#now();
    const bucket = this.#buckets.get(caller);
    const tokens = bucket === undefined ? this.#count : this.#filled(bucket, now);
    const isAllowed = tokens >= 1;
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: isAllowed ? tokens - 1 : tokens, filledAt: now });
    this.#forget(now);
    return isAllowed;
  }

  #filled({ tokens, filledAt }: Bucket, now: number): number {
    return Math.min(this.#count, tokens + ((now - filledAt) / this.#perMs) * this.#count);
  }

  /** A full bucket is as good as none. */
  #forget(now: number): void {
    for (const [caller, bucket] of this.#buckets) {
      if (this.#buckets.size <= MAX_BUCKETS && this.#filled(bucket, now) < this.#count) return;
      this.#buckets.delete(caller);
    }
  }
}
