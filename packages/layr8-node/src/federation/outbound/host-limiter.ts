import type { DescribedHost } from "./outbound.ts";
import { CircuitBreaker, type CircuitBreakerOptions, type HostLease } from "./circuit-breaker.ts";

/** A circuit breaker for each host, created on the first request and dropped when it has been idle for long. */
export class HostLimiter {
  readonly #options: CircuitBreakerOptions;
  readonly #breakers = new Map<string, CircuitBreaker>();
  readonly #open = new Set<CircuitBreaker>();
  #closed = false;

  constructor(options: Omit<CircuitBreakerOptions, "open">) {
    this.#options = { ...options, open: this.#open };
  }

  /** Number of requests that wait for hosts whose breaker is open. */
  get blocked(): number {
    let count = 0;
    for (const breaker of this.#open) count += breaker.blocked;
    return count;
  }

  /** Whether any host's breaker is open. */
  get anyOpen(): boolean {
    return this.#open.size > 0;
  }

  /** The state of each host's breaker. */
  describe(): readonly DescribedHost[] {
    return Array.from(this.#breakers, ([host, breaker]) => ({ host, ...breaker.describe() }));
  }

  /** Waits for a lease on a host; see {@link CircuitBreaker.acquire}. */
  acquire(host: string, isRetry: boolean): Promise<HostLease | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    let breaker = this.#breakers.get(host);
    if (breaker === undefined) {
      breaker = new CircuitBreaker(this.#options);
      this.#breakers.set(host, breaker);
    }
    return breaker.acquire(isRetry);
  }

  /** Brings the next probe of a host forward; see {@link CircuitBreaker.hint}. */
  hint(host: string): void {
    this.#breakers.get(host)?.hint();
  }

  /** Drops idle breakers. Called by the queue's sweep timer, every second. */
  sweep(): void {
    for (const [host, breaker] of this.#breakers) {
      if (!breaker.idle) continue;
      this.#breakers.delete(host);
      breaker.close();
    }
  }

  /** Resolves all waiting `acquire` calls to `undefined`. */
  close(): void {
    this.#closed = true;
    for (const breaker of this.#breakers.values()) breaker.close();
  }
}
