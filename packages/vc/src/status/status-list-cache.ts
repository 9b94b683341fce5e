import { checkNotNegative } from "../check-numbers.ts";
import type { Bitstring } from "./bitstring.ts";

/** A status list from a verified credential. */
export interface VerifiedStatusList {
  readonly issuer: string;
  readonly purposes: readonly string[];
  readonly bits: Bitstring;
}

/** A status list that may be used until it must be fetched again. */
export interface FreshStatusList extends VerifiedStatusList {
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** Options of {@link StatusListCache}. */
export interface StatusListCacheOptions {
  /** Longest time that a list is cached, in milliseconds. A revocation can go unnoticed for as long. Default 300000. */
  readonly maxAgeMs?: number;
  /** Most lists cached; the oldest is evicted. Default 100. */
  readonly maxEntries?: number;
}

/** The cached list of a URL, unless it has expired. */
export let getList: (cache: StatusListCache, url: string, now: number) => FreshStatusList | undefined;

/** Counts the calls of `delete`. */
export let revisionOf: (cache: StatusListCache) => number;

/** Caches a list for at most `ttlMs`; not at all if `delete` was called since the given revision, because the list may be older. */
export let storeList: (
  cache: StatusListCache,
  url: string,
  list: VerifiedStatusList,
  time: { now: number; ttlMs: number; revision: number },
) => FreshStatusList;

/**
 * Caches verified status lists across verifications, each until the earliest of its `ttl`, its `validUntil` and `maxAgeMs`. Share one
 * instance only among calls that use the same resolver.
 */
export class StatusListCache {
  readonly #lists = new Map<string, FreshStatusList>();
  readonly #maxAgeMs: number;
  readonly #maxEntries: number;
  #revision = 0;

  /** @throws TypeError if an option is invalid. */
  constructor({ maxAgeMs = 300_000, maxEntries = 100 }: StatusListCacheOptions = {}) {
    this.#maxAgeMs = checkNotNegative(maxAgeMs, "maxAgeMs");
    this.#maxEntries = checkNotNegative(maxEntries, "maxEntries");
  }

  /** Drops the list of a URL, also one that is being fetched: the next verification that needs it fetches it again. */
  delete(url: string): void {
    this.#revision += 1;
    this.#lists.delete(url);
  }

  // Functions with access to private fields instead of public methods: they are not part of the API.
  static {
    getList = (cache, url, now) => {
      const kept = cache.#lists.get(url);
      return kept === undefined || kept.expires <= now ? undefined : kept;
    };
    revisionOf = (cache) => cache.#revision;
    storeList = (cache, url, list, { now, ttlMs, revision }) => {
      if (revision !== cache.#revision) return { ...list, expires: now };
      const fresh = { ...list, expires: now + Math.min(ttlMs, cache.#maxAgeMs) };
      cache.#lists.delete(url);
      cache.#lists.set(url, fresh);
      const [oldest] = cache.#lists.keys();
      if (cache.#lists.size > cache.#maxEntries && oldest !== undefined) cache.#lists.delete(oldest);
      return fresh;
    };
  }
}
