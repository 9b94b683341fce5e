import { backoffMs, type BackoffOptions } from "@parley/core/internal";

/** How long a node may take to detect that the last link was lost. Phoenix closes a silent socket after 60 s. */
const STALE_BINDING_MS = 120_000;

/**
 * Whether a rejected rejoin is retried: shortly after a loss the DID may still be bound to the link that broke. All other rejections are
 * final.
 */
export function isStaleBinding(reason: string, sinceLossMs: number): boolean {
  return reason.endsWith("already_bound") && sinceLossMs < STALE_BINDING_MS;
}

/** Counts reconnect attempts. The delay starts over only after a link that lasted for a while. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #attempts = 0;

  constructor(options: Required<BackoffOptions>) {
    this.#options = options;
  }

  /** The delay before the next attempt, in milliseconds. */
  next(): number {
    this.#attempts += 1;
    return backoffMs(this.#attempts, this.#options);
  }

  reset(): void {
    this.#attempts = 0;
  }

  /** Starts over if the lost link had lasted; otherwise a loop of losses would never slow down. */
  lostAfter(durationMs: number): void {
    if (durationMs >= this.#options.maxMs) this.reset();
  }
}
