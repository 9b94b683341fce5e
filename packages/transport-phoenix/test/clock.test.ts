import { describe, expect, it } from "vitest";
import { clockOffset } from "../src/clock.ts";

const NOON = Date.UTC(2026, 10, 30, 12, 0, 0);
const at = (offsetMs: number) => new Date(NOON + offsetMs).toUTCString();

describe("clockOffset", () => {
  it.each([
    ["no header", undefined],
    ["a header that is not a date", "soon"],
    ["the same second", at(0)],
    ["a response that travelled for 1.5 s", at(-1_500)],
  ])("is 0 with %s", (_name, date) => {
    expect(clockOffset(date, NOON)).toBe(0);
  });

  it.each([1_000, 60_000, 86_400_000, -5_000, -86_400_000])("is never less than what the server's clock is ahead: %d ms", (ahead) => {
    // The server's clock is somewhere in the second that the header names.
    for (const passed of [0, 999]) {
      const offset = clockOffset(at(ahead), NOON);
      expect(offset).toBeGreaterThanOrEqual(ahead + passed);
      expect(offset).toBeLessThanOrEqual(ahead + passed + 1_000);
    }
  });
});
