import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CircuitBreaker, type CircuitBreakerOptions, type HostLease } from "../../../src/federation/outbound/circuit-breaker.ts";
import { HostLimiter } from "../../../src/federation/outbound/host-limiter.ts";
import { Semaphore } from "../../../src/federation/outbound/semaphore.ts";

const BASE = { maxActive: 8, retryMs: 1000, maxRetryMs: 60_000, now: () => Date.now() };

function breakerOptions(changes: Partial<CircuitBreakerOptions> = {}): CircuitBreakerOptions {
  return { ...BASE, semaphore: new Semaphore(100), open: new Set(), ...changes };
}

/** Waits for a lease and records it. */
class Request {
  lease: HostLease | undefined;
  ended = false;

  constructor(breaker: Pick<CircuitBreaker, "acquire">, again = false) {
    void this.#wait(breaker, again);
  }

  get granted(): HostLease {
    if (this.lease === undefined) throw new Error("not granted");
    return this.lease;
  }

  async #wait(breaker: Pick<CircuitBreaker, "acquire">, again: boolean): Promise<void> {
    this.lease = await breaker.acquire(again);
    this.ended = this.lease === undefined;
  }
}

async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** Raises the concurrency limit of a breaker to its maximum. */
async function warmUp(breaker: CircuitBreaker): Promise<void> {
  for (let count = 0; count < 4; count++) (await breaker.acquire(false))?.succeeded();
}

async function requests(breaker: CircuitBreaker, count: number, again = false): Promise<Request[]> {
  const all = Array.from({ length: count }, () => new Request(breaker, again));
  await settled();
  return all;
}

const hasLease = ({ lease }: Request): boolean => lease !== undefined;

describe("CircuitBreaker", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("grants one lease at first and doubles the limit after each success", async () => {
    const breaker = new CircuitBreaker(breakerOptions({ maxActive: 4 }));
    const all = await requests(breaker, 12);
    const counts = [all.filter(hasLease).length];
    for (const index of [0, 1, 2]) {
      all[index]?.granted.succeeded();
      await settled();
      counts.push(all.filter(hasLease).length - index - 1);
    }
    expect(counts).toEqual([1, 2, 4, 4]);
  });

  it("grants leases in request order", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    const all = await requests(breaker, 3);
    expect(all.map(hasLease)).toEqual([true, false, false]);
    all[0]?.granted.release();
    await settled();
    expect(all.map(hasLease)).toEqual([true, true, false]);
  });

  it("stays closed after one failure", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    const [first, second] = await requests(breaker, 2);
    expect(first?.granted.failed("silent")).toBe(false);
    await settled();
    expect(second?.lease).toBeDefined();
    expect(breaker.blocked).toBe(0);
  });

  it("opens after two consecutive silent failures and then grants one lease at a time, with growing pauses", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    await warmUp(breaker);
    const all = await requests(breaker, 20);
    expect(all.filter(hasLease)).toHaveLength(8);
    expect(all[0]?.granted.failed("silent")).toBe(false);
    expect(all[1]?.granted.failed("silent")).toBe(true);
    await settled();
    // Failures of leases granted before it opened don't extend the pause.
    for (const request of all.slice(2, 9)) expect(request.granted.failed("silent")).toBe(true);
    await settled();
    expect(all.filter(hasLease)).toHaveLength(9); // one more was granted when the first ended
    expect(breaker.blocked).toBe(11);
    const waits = [];
    for (let index = 9; index < 14; index++) {
      const since = Date.now();
      while (all[index]?.lease === undefined) await vi.advanceTimersToNextTimerAsync();
      waits.push(Date.now() - since);
      await settled();
      expect(all.filter(hasLease)).toHaveLength(index + 1);
      all[index]?.granted.failed("silent");
    }
    waits.forEach((wait, index) => {
      expect(wait).toBeGreaterThanOrEqual(500 * 2 ** index);
      expect(wait).toBeLessThanOrEqual(1000 * 2 ** index + 1);
    });
  });

  it("closes for all waiting requests at the first success", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    const closers = await requests(breaker, 2);
    closers[0]?.granted.failed("silent");
    await settled();
    closers[1]?.granted.failed("silent");
    const all = await requests(breaker, 4);
    expect(all.some(hasLease)).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(all.filter(hasLease)).toHaveLength(1);
    all[0]?.granted.succeeded();
    await settled();
    expect(all.filter(hasLease)).toHaveLength(3); // the limit is two again
    expect(breaker.blocked).toBe(0);
  });

  it("opens after eight consecutive failure responses", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    for (let count = 0; count < 7; count++) expect((await breaker.acquire(true))?.failed("answered")).toBe(false);
    expect((await breaker.acquire(false))?.failed("answered")).toBe(true);
  });

  it("resets its failure count on success", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    for (let round = 0; round < 5; round++) {
      expect((await breaker.acquire(false))?.failed("silent")).toBe(false);
      (await breaker.acquire(false))?.succeeded();
    }
  });

  it("stays open for as long as the host asked for", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    (await breaker.acquire(false))?.failed("silent");
    expect((await breaker.acquire(false))?.failed("silent", 30_000)).toBe(true);
    const [request] = await requests(breaker, 1);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(request?.lease).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(request?.lease).toBeDefined();
  });

  it("probes at once after a hint, at most once per second", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    const close = async (): Promise<void> => void (await breaker.acquire(false))?.failed("silent");
    await close();
    await close();
    const all = await requests(breaker, 8);
    let tried = 0;
    const fail = async (): Promise<void> => {
      await settled();
      for (const request of all.filter(hasLease).slice(tried)) {
        tried += 1;
        request.granted.failed("silent");
      }
    };
    // Without hints, the waits are 1, 2, 4, 8 … seconds at most.
    for (let second = 0; second < 6; second++) {
      for (let tenth = 0; tenth < 10; tenth++) {
        breaker.hint();
        await vi.advanceTimersByTimeAsync(100);
        await fail();
      }
      expect(tried).toBeLessThanOrEqual(second + 1);
    }
    expect(tried).toBeGreaterThanOrEqual(5);
    await vi.advanceTimersByTimeAsync(5000);
    breaker.hint();
    await settled();
    expect(all.filter(hasLease)).toHaveLength(tried + 1);
  });

  it("sends no probe before the time that the host asked for, even after a hint", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    (await breaker.acquire(false))?.failed("silent");
    (await breaker.acquire(false))?.failed("silent", 30_000);
    const [request] = await requests(breaker, 1);
    breaker.hint();
    await vi.advanceTimersByTimeAsync(29_999);
    expect(request?.lease).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(request?.lease).toBeDefined();
  });

  it("probes with first attempts, and serves retries first once it is closed", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    (await breaker.acquire(false))?.failed("silent");
    (await breaker.acquire(false))?.failed("silent");
    const [failed] = await requests(breaker, 1, true);
    const [fresh, later] = await requests(breaker, 2);
    await vi.advanceTimersByTimeAsync(1000);
    expect([failed, fresh, later].map((request) => request !== undefined && hasLease(request))).toEqual([false, true, false]);
    fresh?.granted.release();
    await settled();
    later?.granted.succeeded();
    await settled();
    expect(failed?.lease).toBeDefined();
  });

  it("resolves waiting requests to undefined on close", async () => {
    const breaker = new CircuitBreaker(breakerOptions());
    (await breaker.acquire(false))?.failed("silent");
    (await breaker.acquire(false))?.failed("silent");
    const all = await requests(breaker, 2);
    breaker.close();
    all.push(...(await requests(breaker, 1)));
    expect(all.map(({ ended }) => ended)).toEqual([true, true, true]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("HostLimiter", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("shares the semaphore between hosts in turns", async () => {
    const limiter = new HostLimiter(breakerOptions({ semaphore: new Semaphore(2) }));
    const [a, b] = [
      new Request({ acquire: (again) => limiter.acquire("a", again) }),
      new Request({ acquire: (again) => limiter.acquire("a", again) }),
    ];
    const others = ["b", "c"].map((host) => new Request({ acquire: (again) => limiter.acquire(host, again) }));
    await settled();
    // Host a has one lease, host b took the last slot.
    expect([a, b, ...others].map(hasLease)).toEqual([true, false, true, false]);
    a.granted.succeeded();
    await settled();
    expect([a, b, ...others].map(hasLease)).toEqual([true, false, true, true]);
    others[0]?.granted.succeeded();
    await settled();
    expect(b.lease).toBeDefined();
  });

  it("drops breakers that have been idle for long", async () => {
    const limiter = new HostLimiter(breakerOptions());
    (await limiter.acquire("a", false))?.failed("silent");
    (await limiter.acquire("a", false))?.failed("silent");
    limiter.sweep();
    const [request] = [new Request({ acquire: (again) => limiter.acquire("a", again) })];
    await settled();
    expect(limiter.blocked).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    request?.granted.release();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    limiter.sweep();
    (await limiter.acquire("a", false))?.failed("silent");
    const after = new Request({ acquire: (again) => limiter.acquire("a", again) });
    await settled();
    expect(after.lease).toBeDefined();
  });

  it("reports whether any breaker is open", async () => {
    const limiter = new HostLimiter(breakerOptions());
    const fail = async (): Promise<void> => void (await limiter.acquire("a", false))?.failed("silent");
    await fail();
    expect(limiter.anyOpen).toBe(false);
    await fail();
    expect(limiter.anyOpen).toBe(true);
    const [a, b] = [
      new Request({ acquire: (again) => limiter.acquire("a", again) }),
      new Request({ acquire: (again) => limiter.acquire("a", again) }),
    ];
    limiter.hint("b");
    limiter.hint("a");
    await vi.advanceTimersByTimeAsync(1000);
    a.granted.succeeded();
    await settled();
    expect([hasLease(b), limiter.anyOpen]).toEqual([true, false]);
    b.granted.release();
    await fail();
    await fail();
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    limiter.sweep();
    expect(limiter.anyOpen).toBe(false);
  });

  it("grants no lease after close", async () => {
    const limiter = new HostLimiter(breakerOptions());
    limiter.close();
    expect(await limiter.acquire("a", false)).toBeUndefined();
  });
});
