import { describe, expect, it } from "vitest";
import { Backoff, isStaleBinding } from "../src/reconnect-policy.ts";

describe("isStaleBinding", () => {
  it.each([
    ["e.connect.plugin.failed: protocols_already_bound", 1_000, true],
    ["e.connect.plugin.failed: protocols_already_bound", 120_000, false],
    ["unauthorized", 1_000, false],
    ["", 0, false],
  ])("%j after %d ms: %s", (reason, sinceLossMs, stale) => {
    expect(isStaleBinding(reason, sinceLossMs)).toBe(stale);
  });
});

describe("Backoff", () => {
  it("starts over after a reset, and after a loss of what had lasted", () => {
    const backoff = new Backoff({ initialMs: 1_000, maxMs: 30_000, random: () => 0 });
    expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([500, 1_000, 2_000]);
    backoff.lostAfter(29_999);
    expect(backoff.next()).toBe(4_000);
    backoff.lostAfter(30_000);
    expect(backoff.next()).toBe(500);
    backoff.next();
    backoff.reset();
    expect(backoff.next()).toBe(500);
  });
});
