import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs } from "../../src/internal/index.ts";

const limits = { initialMs: 1000, maxMs: 30_000 };

describe("backoffMs", () => {
  it("doubles its ceiling up to the maximum", () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 1000].map((attempt) => backoffMs(attempt, { ...limits, random: () => 1 }));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("waits at least half of its ceiling", () => {
    const waits = [1, 2, 6].map((attempt) => backoffMs(attempt, { ...limits, random: () => 0 }));
    expect(waits).toEqual([500, 1000, 15_000]);
  });

  it("stays within its bounds for every attempt and random value", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, chance) => {
        const wait = backoffMs(attempt, { ...limits, random: () => chance });
        expect(wait).toBeGreaterThanOrEqual(500);
        expect(wait).toBeLessThanOrEqual(30_000);
      }),
    );
  });

  it("takes chance from Math.random by default", () => {
    const waits = new Set(Array.from({ length: 50 }, () => backoffMs(6, limits)));
    expect(waits.size).toBeGreaterThan(1);
  });
});
