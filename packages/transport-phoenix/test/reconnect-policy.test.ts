import { describe, expect, it } from "vitest";
import { isStaleBinding } from "../src/reconnect-policy.ts";

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
