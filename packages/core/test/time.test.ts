import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "../src/index.ts";
import { readTime } from "../src/time.ts";

const NOON = Date.UTC(2026, 0, 15, 12) / 1000;

describe("readTime", () => {
  it.each<[JsonValue, number]>([
    [0, 0],
    [-0.5, -0.5],
    ["0", 0],
    ["+12", 12],
    ["1.7e9", 1_700_000_000],
    [" 1768478400\n", NOON],
    ["2026-01-15T12:00:00Z", NOON],
    ["2026-01-15t12:00:00z", NOON],
    ["2026-01-15 12:00:00Z", NOON],
    ["2026-01-15 12:00:00 +0000", NOON],
    ["2026-01-15T12:00Z", NOON],
    ["2026-01-15T12:00:00", NOON],
    ["2026-01-15T12:00:00.000000", NOON],
    ["2026-01-15T12:00:00,5Z", NOON + 0.5],
    ["2026-01-15T14:00:00+02:00", NOON],
    ["2026-01-15T14:00:00+0200", NOON],
    ["2026-01-15T14:00:00+02", NOON],
    ["2026-01-15T00:30:00-11:30", NOON],
    ["2026-01-15", NOON - 12 * 3600],
    ["2026-01-14T24:00:00Z", NOON - 12 * 3600],
    ["2016-12-31T23:59:60Z", Date.UTC(2017, 0, 1) / 1000],
    ["0001-01-01T00:00:00Z", -62_135_596_800],
    ["9999-12-31T23:59:59Z", 253_402_300_799],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29) / 1000],
    [1e300, 8.64e12],
    ["-1e300", -8.64e12],
  ])("reads %j", (value, time) => {
    expect(readTime(value)).toBe(time);
  });

  it.each<JsonValue>([
    null,
    true,
    {},
    [],
    [1],
    NaN,
    Infinity,
    "",
    " ",
    "now",
    "0x10",
    "1_000",
    "1e999",
    "12:00:00",
    "2026-1-5",
    "2026-13-01",
    "2026-02-29",
    "2026-01-15T25:00:00Z",
    "2026-01-15T24:00:01Z",
    "2026-01-15T12:60:00Z",
    "2026-01-15T12:00:61Z",
    "2026-01-15T12:00:00+24:00",
    "2026-01-15T12:00:00+01:60",
    "2026-01-15T12:00:00 CET",
    "Thu, 15 Jan 2026 12:00:00 GMT",
    `2026-01-15T12:00:00.${"0".repeat(100)}Z`,
  ])("does not take %j for a time", (value) => {
    expect(readTime(value)).toBeUndefined();
  });

  it("reads every Date as it writes itself", () => {
    const limit = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
    fc.assert(
      fc.property(fc.integer({ min: -62_167_219_200_000, max: limit }), (time) => {
        expect(readTime(new Date(time).toISOString())).toBeCloseTo(time / 1000, 3);
        expect(readTime(String(time / 1000))).toBe(time / 1000);
      }),
    );
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.string({ maxLength: 80 }), (text) => void readTime(text)));
  });
});
