import type { Grant } from "@parley/vc/grants";
import { describe, expect, it } from "vitest";
import { GrantCache } from "../../../../src/routing/authorize/grants/grant-cache.ts";

const GRANT: readonly Grant[] = [{ issuer: "did:web:issuer.example", holder: "did:web:a.example", scope: [], tools: [], constraints: [] }];

function cacheAt(clock: { now: number }, options: { maxAgeMs?: number; maxEntries?: number } = {}): GrantCache {
  return new GrantCache({ maxAgeMs: 1000, now: () => clock.now, ...options });
}

describe("a cache of grants", () => {
  it("returns a grant for the same text only", () => {
    const cache = cacheAt({ now: 0 });
    cache.put("a.b.c", GRANT);
    expect(cache.get("a.b.c")).toBe(GRANT);
    expect(cache.get("a.b.d")).toBeUndefined();
  });

  it.each([
    [undefined, 1000],
    [400, 400],
    [5000, 1000],
  ])("forgets a grant that holds until %s at its maximal age or then, the earlier: %s", (holdsUntil, end) => {
    const clock = { now: 0 };
    const cache = cacheAt(clock);
    cache.put("a.b.c", GRANT, holdsUntil);
    clock.now = end - 1;
    expect(cache.get("a.b.c")).toBe(GRANT);
    clock.now = end;
    expect(cache.get("a.b.c")).toBeUndefined();
  });

  it("keeps nothing without an age, or that has ended", () => {
    const never = cacheAt({ now: 10 }, { maxAgeMs: 0 });
    never.put("a.b.c", GRANT);
    expect(never.get("a.b.c")).toBeUndefined();
    const ended = cacheAt({ now: 10 });
    ended.put("a.b.c", GRANT, 10);
    expect(ended.get("a.b.c")).toBeUndefined();
  });

  it("evicts the oldest", () => {
    const cache = cacheAt({ now: 0 }, { maxEntries: 2 });
    for (const signed of ["1", "2", "1", "3"]) cache.put(signed, GRANT);
    expect(["1", "2", "3"].map((signed) => cache.get(signed) !== undefined)).toEqual([true, false, true]);
  });
});
