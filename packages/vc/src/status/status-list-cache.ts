import type { Bitstring } from "./bitstring.ts";

/** A status list whose credential has been verified. */
export interface VerifiedStatusList {
  readonly issuer: string;
  readonly purposes: readonly string[];
  readonly bits: Bitstring;
}

/** Options of {@link StatusListCache}. */
export interface StatusListCacheOptions {
  /** Longest time that a list is kept, in milliseconds, and so that a revocation may go unnoticed. Default 300000. */
  readonly maxAgeMs?: number;
  /** Lists kept; above it, the oldest goes. Default 100. */
  readonly maxEntries?: number;
}

/**
 * Keeps verified status lists from one verification to the next, each no longer than its own `ttl`, its `validUntil`, and `maxAgeMs`.
 * Share one among calls that trust the same resolver.
 */
export class StatusListCache {
  readonly #lists = new Map<string, { readonly list: VerifiedStatusList; readonly expires: number }>();
  readonly #maxAgeMs: number;
  readonly #maxEntries: number;

  constructor({ maxAgeMs = 300_000, maxEntries = 100 }: StatusListCacheOptions = {}) {
    this.#maxAgeMs = maxAgeMs;
    this.#maxEntries = maxEntries;
  }

  /** @internal */
  get(url: string, now: number): VerifiedStatusList | undefined {
    const entry = this.#lists.get(url);
    if (entry === undefined || entry.expires <= now) return undefined;
    return entry.list;
  }

  /** @internal */
  set(url: string, list: VerifiedStatusList, { now, ttlMs }: { now: number; ttlMs: number }): void {
    this.#lists.delete(url);
    this.#lists.set(url, { list, expires: now + Math.min(ttlMs, this.#maxAgeMs) });
    const [oldest] = this.#lists.keys();
    if (this.#lists.size > this.#maxEntries && oldest !== undefined) this.#lists.delete(oldest);
  }
}
