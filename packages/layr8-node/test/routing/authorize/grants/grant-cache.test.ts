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
    cache.put("a.b.c", GRANT, { revision: 0 });
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
    cache.put("a.b.c", GRANT, { ...(holdsUntil !== undefined && { holdsUntil }), revision: 0 });
    clock.now = end - 1;
    expect(cache.get("a.b.c")).toBe(GRANT);
    clock.now = end;
    expect(cache.get("a.b.c")).toBeUndefined();
  });

  it("keeps nothing without an age, or that has ended", () => {
    const never = cacheAt({ now: 10 }, { maxAgeMs: 0 });
    never.put("a.b.c", GRANT, { revision: 0 });
    expect(never.get("a.b.c")).toBeUndefined();
    const ended = cacheAt({ now: 10 });
    ended.put("a.b.c", GRANT, { holdsUntil: 10, revision: 0 });
    expect(ended.get("a.b.c")).toBeUndefined();
  });

  it("evicts the oldest", () => {
    const cache = cacheAt({ now: 0 }, { maxEntries: 2 });
    for (const signed of ["1", "2", "1", "3"]) cache.put(signed, GRANT, { revision: 0 });
    expect(["1", "2", "3"].map((signed) => cache.get(signed) !== undefined)).toEqual([true, false, true]);
  });

  describe("when a status list has changed", () => {
    const [list, other] = ["https://issuer.example/status-lists/1", "https://issuer.example/status-lists/2"];

    it("forgets the grants that depend on it", () => {
      const cache = cacheAt({ now: 0 });
      cache.put("changed", GRANT, { statusLists: [other, list], revision: 0 });
      cache.put("another list", GRANT, { statusLists: [other], revision: 0 });
      cache.put("no list", GRANT, { revision: 0 });
      cache.forget([list]);
      expect(["changed", "another list", "no list"].map((signed) => cache.get(signed) !== undefined)).toEqual([false, true, true]);
    });

    it("does not cache what was verified with the list before", () => {
      const cache = cacheAt({ now: 0 });
      const { revision } = cache;
      cache.forget([list]);
      cache.put("before", GRANT, { statusLists: [list], revision });
      expect(cache.get("before")).toBeUndefined();
      cache.put("after", GRANT, { statusLists: [list], revision: cache.revision });
      expect(cache.get("after")).toBe(GRANT);
    });
  });
});
