import * as crypto from "node:crypto";
import type { Grant } from "@parley/vc/grants";

interface CachedGrant {
  /** The grant, and those that it was derived from. */
  readonly chain: readonly Grant[];
  /** Milliseconds since 1970. */
  readonly until: number;
  /** URLs of the status lists that the result depends on. */
  readonly statusLists: readonly string[];
}

/** What the result of a grant's verification depends on. */
export interface GrantValidity {
  /** End of the result; see `VerifiedCredential.holdsUntil`. Default: none. */
  readonly holdsUntil?: number;
  /** URLs of the status lists that were read. Default: none. */
  readonly statusLists?: readonly string[];
  /** {@link GrantCache.revision} before the verification: if a list has changed since, the result is not cached. */
  readonly revision: number;
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
  /** Verifications under way, by owner, revision and text. */
  readonly #verifying = new Map<string, Promise<void>>();
  #revision = 0;

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

  /**
   * Verifies a grant once for all messages of an owner that have it and wait at the same time: the first messages with a grant often come together.
   *
   * @param verify resolves when the grant is cached.
   * @throws what `verify` throws
   */
  verifyOnce(owner: string, signed: string, verify: () => Promise<void>): Promise<void> {
    const key = `${owner} ${this.#revision} ${keyOf(signed)}`;
    const verifying = this.#verifying.get(key) ?? verify().finally(() => this.#verifying.delete(key));
    this.#verifying.set(key, verifying);
    return verifying;
  }

  /** Counts the changes of status lists. */
  get revision(): number {
    return this.#revision;
  }

  /** Drops the grants that depend on status lists which have changed. */
  forget(changed: readonly string[]): void {
    this.#revision += 1;
    for (const [key, { statusLists }] of this.#grants) {
      if (statusLists.some((url) => changed.includes(url))) this.#grants.delete(key);
    }
  }

  /** Caches a verified grant as long as its result holds. */
  put(signed: string, chain: readonly Grant[], { holdsUntil = Infinity, statusLists = [], revision }: GrantValidity): void {
    if (statusLists.length > 0 && revision !== this.#revision) return;
    const { now, maxAgeMs, maxEntries } = this.#options;
    const time = now();
    const until = Math.min(time + maxAgeMs, holdsUntil);
    if (until <= time) return;
    const key = keyOf(signed);
    this.#grants.delete(key);
    this.#grants.set(key, { chain, until, statusLists });
    const [oldest] = this.#grants.keys();
    if (this.#grants.size > maxEntries && oldest !== undefined) this.#grants.delete(oldest);
  }
}

function keyOf(signed: string): string {
  return crypto.hash("sha256", signed, "base64url");
}
