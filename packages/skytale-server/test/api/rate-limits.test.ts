import { expect, it } from "vitest";
import { RateLimits } from "../../src/api/rate-limits.ts";

it("gives each caller so many calls in a time, refilled evenly", () => {
  let now = 0;
  const limits = new RateLimits({ count: 3, perMs: 300, now: () => now });
  const taken = (caller: string, times: number): number => Array.from({ length: times }, () => limits.take(caller)).filter(Boolean).length;
  expect(taken("a", 5)).toBe(3);
  expect(taken("b", 5)).toBe(3);
  now = 99;
  expect(taken("a", 1)).toBe(0);
  now = 101;
  expect(taken("a", 5)).toBe(1);
  now = 10_000;
  expect(taken("a", 10)).toBe(3);
  expect(taken("b", 10)).toBe(3);
});

it("holds out against more callers than it remembers", () => {
  const limits = new RateLimits({ count: 1, perMs: 1000, now: () => 0 });
  for (let n = 0; n < 100_001; n++) limits.take(`caller-${n}`);
  expect(limits.take("caller-100000")).toBe(false);
  // Whoever was idle longest starts anew.
  expect(limits.take("caller-0")).toBe(true);
});
