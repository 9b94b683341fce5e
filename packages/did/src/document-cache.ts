import { checkValues, IS_NOT_NEGATIVE } from "@parley/core/internal";
import type { DidError } from "./did-error.ts";
import type { DidDocument } from "./did-document.ts";

/** The result of resolving a DID. */
export type Resolution = { readonly document: DidDocument } | { readonly error: DidError };

/** Options of the cache of a resolver. */
export interface DidCacheOptions {
  /** Cache time of a document, in milliseconds. A key that its owner removed is trusted for as long. Default 300000. */
  readonly ttlMs?: number;
  /** Cache time of a failure, in milliseconds. Default 5000. */
  readonly negativeTtlMs?: number;
  /** Most DIDs cached; the least recently used one is evicted. Default 1000. */
  readonly maxEntries?: number;
}

interface Entry {
  readonly resolution: Resolution;
  readonly since: number;
}

/** A cache of resolutions by DID, limited in time and number. */
export class DocumentCache {
  readonly #entries = new Map<string, Entry>();
  readonly #options: Required<DidCacheOptions>;
  readonly #now: () => number;

  /** @throws TypeError if an option is invalid. */
  constructor(options: DidCacheOptions, now: () => number) {
    checkValues(options, IS_NOT_NEGATIVE, ["ttlMs", "negativeTtlMs", "maxEntries"]);
    const { ttlMs = 300_000, negativeTtlMs = 5000, maxEntries = 1000 } = options;
    this.#options = { ttlMs, negativeTtlMs, maxEntries };
    this.#now = now;
  }

  get(did: string, maxAgeMs: number): Resolution | undefined {
    const entry = this.#entries.get(did);
    if (entry === undefined) return undefined;
    const { ttlMs, negativeTtlMs } = this.#options;
    const age = this.#now() - entry.since;
    if (age >= ("error" in entry.resolution ? negativeTtlMs : ttlMs)) {
      this.#entries.delete(did);
      return undefined;
    }
    if (age >= maxAgeMs) return undefined;
    this.#entries.delete(did);
    this.#entries.set(did, entry);
    return entry.resolution;
  }

  set(did: string, resolution: Resolution): void {
    this.#entries.delete(did);
    this.#entries.set(did, { resolution, since: this.#now() });
    if (this.#entries.size <= this.#options.maxEntries) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
