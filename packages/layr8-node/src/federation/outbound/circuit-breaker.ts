import { Fifo, backoffMs, deferred, type Deferred } from "@parley/core/internal";
import type { DescribedHost } from "./outbound.ts";
import type { Semaphore } from "./semaphore.ts";

type Pending = Deferred<HostLease | undefined>;

/** Options of {@link CircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** Maximum number of leases held at the same time. */
  readonly maxActive: number;
  /** First wait of an open breaker; doubles, with jitter, up to `maxRetryMs`. Milliseconds. */
  readonly retryMs: number;
  readonly maxRetryMs: number;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  /** Limits the leases of all breakers that share it. */
  readonly semaphore: Semaphore;
  /** The open breakers among those that share this set. Each breaker adds and removes itself. */
  readonly open: Set<CircuitBreaker>;
}

/** How a host failed: it sent no response (`silent`), or it responded that it can't process the request now (`answered`). */
export type Failure = "silent" | "answered";

/** The right to send one request to a host. The first call of one of its methods ends it; later calls have no effect. */
export interface HostLease {
  /** The host responded as a healthy host does. Closes the breaker. */
  succeeded(): void;
  /**
   * The host failed.
   *
   * @param retryAfterMs how long the host requested not to be contacted.
   * @returns whether the breaker is open: the caller can acquire again at once, because the breaker delays it.
   */
  failed(failure: Failure, retryAfterMs?: number): boolean;
  /** Ends the lease without a result. */
  release(): void;
}

/** Total weight of consecutive failures that opens a breaker. */
const OPENS_AT = 8;
const WEIGHT: Readonly<Record<Failure, number>> = { silent: 4, answered: 1 };
/** How long an unused breaker is kept, as a multiple of its longest wait. */
const IDLE_FACTOR = 5;
/** Shortest time between two probes of an open breaker, whatever hints arrive. Milliseconds. */
const HINT_MS = 1000;

/**
 * Limits and delays requests to one host. Concurrency starts at 1 and doubles with each success, up to `maxActive`.
 *
 * A single failure doesn't open the breaker, so that a message which a host can't process does not delay the others. Consecutive failures
 * open it. An open breaker grants one lease at a time as a probe, with growing pauses, first to requests that have not failed yet. A
 * success closes it for all waiting requests. A hint, which means that the host was seen alive, brings the next probe forward. Failures
 * of leases granted before the breaker opened are ignored: they have the same cause.
 */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  readonly #first = new Fifo<Pending>();
  readonly #retries = new Fifo<Pending>();
  #active = 0;
  #limit = 1;
  #weight = 0;
  /** How often it opened since the last success; 0 while closed. */
  #openings = 0;
  #probeAt = 0;
  /** Earliest time to which a hint may bring the next probe forward. */
  #hintableAt = 0;
  #usedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
  }

  /** Its state, for the console. */
  describe(): Omit<DescribedHost, "host"> {
    const waitMs = this.#probeAt - this.#options.now();
    return {
      isOpen: this.#openings > 0,
      active: this.#active,
      waiting: this.#first.size + this.#retries.size,
      nextProbeInMs: this.#openings > 0 ? Math.max(0, waitMs) : undefined,
    };
  }

  /** Number of requests that wait because the breaker is open. */
  get blocked(): number {
    return this.#openings === 0 ? 0 : this.#first.size + this.#retries.size;
  }

  /** Whether it has been unused for so long that it can be dropped. */
  get idle(): boolean {
    const { now, maxRetryMs } = this.#options;
    if (this.#active + this.#first.size + this.#retries.size > 0) return false;
    return now() > Math.max(this.#usedAt, this.#probeAt) + IDLE_FACTOR * maxRetryMs;
  }

  /**
   * Waits for a lease.
   *
   * @param isRetry whether the caller's last attempt failed.
   * @returns `undefined` once {@link CircuitBreaker.close} has been called.
   */
  acquire(isRetry: boolean): Promise<HostLease | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    const pending = deferred<HostLease | undefined>();
    (isRetry ? this.#retries : this.#first).push(pending);
    this.dispatch();
    return pending.promise;
  }

  /** Grants as many leases as the limits allow. Called by the semaphore when a slot is free, too. */
  dispatch(): void {
    const { now, semaphore } = this.#options;
    for (;;) {
      const queue = this.#nextQueue();
      if (queue.size === 0 || this.#active >= this.#limit) return;
      const waitMs = this.#probeAt - now();
      if (waitMs > 0) {
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          this.dispatch();
        }, waitMs);
        return;
      }
      if (!semaphore.tryAcquire(this)) return;
      this.#active += 1;
      queue.shift()?.resolve(this.#lease());
    }
  }

  /** The host was seen alive: brings the next probe forward. */
  hint(): void {
    if (this.#openings === 0 || this.#hintableAt >= this.#probeAt) return;
    this.#probeAt = this.#hintableAt;
    this.#stopTimer();
    this.dispatch();
  }

  /** Resolves all waiting `acquire` calls to `undefined`. */
  close(): void {
    this.#isClosed = true;
    this.#options.open.delete(this);
    clearTimeout(this.#timer);
    for (const queue of [this.#first, this.#retries]) {
      while (queue.size > 0) queue.shift()?.resolve(undefined);
    }
  }

  #nextQueue(): Fifo<Pending> {
    const [preferred, other] = this.#openings > 0 ? [this.#first, this.#retries] : [this.#retries, this.#first];
    return preferred.size > 0 ? preferred : other;
  }

  #lease(): HostLease {
    const openings = this.#openings;
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      this.#active -= 1;
      this.#usedAt = this.#options.now();
      this.#options.semaphore.release();
      this.dispatch();
    };
    return {
      release: end,
      succeeded: () => {
        if (ended) return;
        this.#weight = 0;
        this.#openings = 0;
        this.#probeAt = 0;
        this.#options.open.delete(this);
        this.#stopTimer();
        this.#limit = Math.min(this.#options.maxActive, this.#limit * 2);
        end();
      },
      failed: (failure, retryAfterMs = 0) => {
        if (!ended && openings === this.#openings) this.#recordFailure(WEIGHT[failure], retryAfterMs);
        const isOpen = this.#openings > 0;
        end();
        return isOpen;
      },
    };
  }

  #recordFailure(weight: number, retryAfterMs: number): void {
    const { now, retryMs, maxRetryMs } = this.#options;
    this.#weight += weight;
    if (this.#openings === 0 && this.#weight < OPENS_AT) return;
    this.#openings += 1;
    this.#options.open.add(this);
    this.#limit = 1;
    this.#probeAt = now() + Math.max(retryAfterMs, backoffMs(this.#openings, { initialMs: retryMs, maxMs: maxRetryMs }));
    this.#hintableAt = now() + Math.max(retryAfterMs, HINT_MS);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
