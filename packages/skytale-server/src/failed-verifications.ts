import { addressKey, RateLimiter } from "@parley/core/internal";

/** Seconds of an address's failures that it can save up: enough for many agents whose keys have been revoked. */
const BURST_SECONDS = 10;

/** How many keys and tokens that are refused one address (IPv6: /64) may show: checking each of them costs work. */
export class FailedVerifications {
  readonly #failures: RateLimiter;

  constructor(perSecond: number) {
    this.#failures = new RateLimiter({ perSecond, burst: perSecond * BURST_SECONDS });
  }

  /** Whether an address may show another key or token. */
  mayTry(address: string): boolean {
    return this.#failures.tryTake(addressKey(address), 0);
  }

  /** A key or token that an address has shown was refused. */
  failed(address: string): void {
    this.#failures.take(addressKey(address));
  }
}
