import { describe, expect, it } from "vitest";

import { ChurnMap } from "../../src/internal/churn-map.ts";

describe("ChurnMap", () => {
  it("keeps all entries that are not deleted, in order, after many insertions and deletions", () => {
    const map = new ChurnMap<string, number>();
    map.set("first", -1);
    for (let index = 0; index < 5000; index++) {
      map.set(`${index}`, index);
      expect(map.get(`${index}`)).toBe(index);
      map.delete(`${index}`);
      expect(map.has(`${index}`)).toBe(false);
      if (index === 2500) map.set("second", -2);
    }
    expect(map.values()).toEqual([-1, -2]);
    expect(map.size).toBe(2);
    expect(map.has("first")).toBe(true);
    expect(map.get("0")).toBeUndefined();
  });

  it("holds thousands at once", () => {
    const map = new ChurnMap<number, number>();
    for (let index = 0; index < 5000; index++) map.set(index, index);
    expect(map.values()).toEqual(Array.from({ length: 5000 }, (_, index) => index));
  });
});
