import { notNegative } from "../numbers.ts";
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

interface Kept {
  readonly list: VerifiedStatusList;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** The list of a URL, unless it is too old. */
export let getList: (cache: StatusListCache, url: string, now: number) => VerifiedStatusList | undefined;

/** Keeps a list for at most `ttlMs` from now. */
export let keepList: (cache: StatusListCache, url: string, list: VerifiedStatusList, time: { now: number; ttlMs: number }) => void;

/**
 * Keeps verified status lists from one verification to the next, each no longer than its own `ttl`, its `validUntil`, and `maxAgeMs`.
 * Share one among calls that trust the same resolver.
 */
export class StatusListCache {
  readonly #lists = new Map<string, Kept>();
  readonly #maxAgeMs: number;
  readonly #maxEntries: number;

  constructor({ maxAgeMs = 300_000, maxEntries = 100 }: StatusListCacheOptions = {}) {
    this.#maxAgeMs = notNegative(maxAgeMs, "maxAgeMs");
    this.#maxEntries = notNegative(maxEntries, "maxEntries");
  }

  // Not methods, so that a caller sees nothing but a cache.
  static {
    getList = (cache, url, now) => {
      const kept = cache.#lists.get(url);
      return kept === undefined || kept.expires <= now ? undefined : kept.list;
    };
    keepList = (cache, url, list, { now, ttlMs }) => {
      cache.#lists.delete(url);
      cache.#lists.set(url, { list, expires: now + Math.min(ttlMs, cache.#maxAgeMs) });
      const [oldest] = cache.#lists.keys();
      if (cache.#lists.size > cache.#maxEntries && oldest !== undefined) cache.#lists.delete(oldest);
    };
  }
}
