import { describe, expect, it } from "vitest";
import { growingPercent } from "../src/lifecycle/heap-headroom.ts";

const MIB = 1024 * 1024;

describe("heap headroom", () => {
  it("is 64 MiB for small heaps", () => {
    for (const used of [16, 26, 64, 255]) {
      const headroom = (growingPercent(used * MIB) / 100) * used;
      expect(headroom).toBeGreaterThanOrEqual(64);
      expect(headroom).toBeLessThan(64 + used / 100);
    }
  });

  it("is V8's own for large heaps", () => {
    expect(growingPercent(256 * MIB)).toBe(0);
    expect(growingPercent(4096 * MIB)).toBe(0);
  });
});
