import * as crypto from "node:crypto";
import type { Grant } from "@parley/vc/grants";

interface CachedGrant {
  /** The grant, and those that it was derived from. */
  readonly chain: readonly Grant[];
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Options of {@link GrantCache}. */
export interface GrantCacheOptions {
  /** Longest time that a verified grant is cached, in milliseconds; 0 caches none. */
  readonly maxAgeMs: number;
  /** Most grants cached; the oldest is evicted. Default 10,000. */
  readonly maxEntries?: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Caches verified grants by the hash of their text, so that another text is never taken for one of them. */
export class GrantCache {
  readonly #grants = new Map<string, CachedGrant>();
  readonly #options: Required<GrantCacheOptions>;

  constructor({ maxEntries = 10_000, ...options }: GrantCacheOptions) {
    this.#options = { ...options, maxEntries };
  }

  /** The verified grant with this text, and those that it was derived from, unless it must be verified again. */
  get(signed: string): readonly Grant[] | undefined {
    if (this.#grants.size === 0) return undefined;
    const key = keyOf(signed);
    const cached = this.#grants.get(key);
    if (cached === undefined) return undefined;
    if (cached.until > this.#options.now()) return cached.chain;
    this.#grants.delete(key);
    return undefined;
  }

  /** @param holdsUntil end of the verification's result; see `VerifiedCredential.holdsUntil`. */
  put(signed: string, chain: readonly Grant[], holdsUntil: number = Infinity): void {
    const { now, maxAgeMs, maxEntries } = this.#options;
    const time = now();
    const until = Math.min(time + maxAgeMs, holdsUntil);
    if (until <= time) return;
    const key = keyOf(signed);
    this.#grants.delete(key);
    this.#grants.set(key, { chain, until });
    const [oldest] = this.#grants.keys();
    if (this.#grants.size > maxEntries && oldest !== undefined) this.#grants.delete(oldest);
  }
}

function keyOf(signed: string): string {
  return crypto.hash("sha256", signed, "base64url");
}
