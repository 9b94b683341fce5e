import type { DidError } from "./did-error.ts";
import type { DidDocument } from "./document.ts";

/** What resolving a DID led to. */
export type Outcome = { readonly document: DidDocument } | { readonly error: DidError };

/** How long what has been resolved is kept. */
export interface DidCacheOptions {
  /** How long a document is used, in milliseconds. A key that its owner removed is trusted for as long. Default 300000. */
  readonly ttlMs?: number;
  /** How long a failure is remembered, in milliseconds. Default 5000. */
  readonly negativeTtlMs?: number;
  /** DIDs kept; the one not used for longest goes first. Default 1000. */
  readonly maxEntries?: number;
}

interface Entry {
  readonly outcome: Outcome;
  readonly since: number;
}

/** Outcomes by DID, for a limited time, in limited number. */
export class DocumentCache {
  readonly #entries = new Map<string, Entry>();
  readonly #options: Required<DidCacheOptions>;
  readonly #now: () => number;

  constructor({ ttlMs = 300_000, negativeTtlMs = 5000, maxEntries = 1000 }: DidCacheOptions, now: () => number) {
    this.#options = { ttlMs, negativeTtlMs, maxEntries };
    this.#now = now;
  }

  get(did: string, maxAgeMs: number): Outcome | undefined {
    const entry = this.#entries.get(did);
    if (entry === undefined) return undefined;
    const { ttlMs, negativeTtlMs } = this.#options;
    const age = this.#now() - entry.since;
    if (age >= ("error" in entry.outcome ? negativeTtlMs : ttlMs)) {
      this.#entries.delete(did);
      return undefined;
    }
    if (age >= maxAgeMs) return undefined;
    this.#entries.delete(did);
    this.#entries.set(did, entry);
    return entry.outcome;
  }

  set(did: string, outcome: Outcome): void {
    this.#entries.delete(did);
    this.#entries.set(did, { outcome, since: this.#now() });
    if (this.#entries.size <= this.#options.maxEntries) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
