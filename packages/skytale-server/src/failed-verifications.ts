import { addressKey, RateLimiter } from "@parley/core/internal";

/** Burst, in seconds of the rate: enough for many agents whose keys have been revoked. */
const BURST_SECONDS = 10;

/** Limits the rejected keys and tokens of one address (IPv6: /64), since verifying each of them costs work. */
export class FailedVerifications {
  readonly #failures: RateLimiter;

  constructor(perSecond: number) {
    this.#failures = new RateLimiter({ perSecond, burst: perSecond * BURST_SECONDS });
  }

  /** Whether an address may present another key or token. */
  mayTry(address: string): boolean {
    return this.#failures.tryTake(addressKey(address), 0);
  }

  /** A key or token that an address presented was rejected. */
  failed(address: string): void {
    this.#failures.take(addressKey(address));
  }
}
