import { describe, expect, it } from "vitest";
import { RateLimiter } from "../../src/internal/index.ts";

function setUp(options: { perSecond: number; burst?: number; maxOwners?: number }) {
  let now = 0;
  const limiter = new RateLimiter({ ...options, now: () => now });
  return { limiter, advance: (ms: number) => (now += ms) };
}

describe("RateLimiter", () => {
  it("allows a burst, then refills at the rate, each owner apart", () => {
    const { limiter, advance } = setUp({ perSecond: 10, burst: 3 });
    expect([1, 2, 3, 4].map(() => limiter.tryTake("a"))).toEqual([true, true, true, false]);
    expect(limiter.tryTake("b")).toBe(true);
    advance(100);
    expect([1, 2].map(() => limiter.tryTake("a"))).toEqual([true, false]);
    advance(60_000);
    expect([1, 2, 3, 4].map(() => limiter.tryTake("a"))).toEqual([true, true, true, false]);
  });

  it("charges work by its cost; a cost above the burst needs a full bucket", () => {
    const { limiter, advance } = setUp({ perSecond: 10 });
    expect(limiter.tryTake("a", 25)).toBe(true);
    expect(limiter.tryTake("a", 1)).toBe(false);
    advance(1600);
    expect(limiter.tryTake("a", 1)).toBe(true);
    expect(limiter.tryTake("a", 25)).toBe(false);
    advance(1000);
    expect(limiter.tryTake("a", 25)).toBe(true);
  });

  it("returns how long an overdrawn owner must wait", () => {
    const { limiter, advance } = setUp({ perSecond: 10 });
    expect(limiter.take("a", 10)).toBe(0);
    expect(limiter.take("a", 5)).toBe(500);
    advance(200);
    expect(limiter.take("a", 0)).toBe(300);
    advance(300);
    expect(limiter.take("a", 0)).toBe(0);
  });

  it("keeps the bucket of an owner until it is full, and at most maxOwners buckets", () => {
    const { limiter, advance } = setUp({ perSecond: 1, maxOwners: 2 });
    for (const owner of ["a", "b", "c"]) limiter.take(owner, 5);
    expect(limiter.take("b", 0)).toBe(4000);
    expect(limiter.take("c", 0)).toBe(4000);
    expect(limiter.tryTake("a")).toBe(true);
    advance(10_000);
    expect(limiter.tryTake("b")).toBe(true);
  });
});
