import { backoffMs, type BackoffOptions } from "@parley/core/internal";

/** How long a node may take to notice that our last link is gone. Phoenix drops a silent socket after 60 s. */
const STALE_BINDING_MS = 120_000;

/**
 * Whether a refused rejoin is to be tried again: right after a loss the node may still hold the DID for the link that broke, and
 * calls it bound. Any other refusal is final.
 */
export function isStaleBinding(reason: string, sinceLossMs: number): boolean {
  return reason.endsWith("already_bound") && sinceLossMs < STALE_BINDING_MS;
}

/** Counts attempts to come back. Only what has worked for a while, or was never tried, starts with the shortest wait. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #attempts = 0;

  constructor(options: Required<BackoffOptions>) {
    this.#options = options;
  }

  /** The wait before the next attempt, in milliseconds. */
  next(): number {
    this.#attempts += 1;
    return backoffMs(this.#attempts, this.#options);
  }

  reset(): void {
    this.#attempts = 0;
  }

  /** Starts over if what was lost now had lasted: else losing and regaining it in a loop would never slow down. */
  lostAfter(durationMs: number): void {
    if (durationMs >= this.#options.maxMs) this.reset();
  }
}
