import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDateTimeStamp, parseDateTimeStamp } from "../../src/model/date.ts";

describe("a dateTimeStamp of XML Schema 1.1", () => {
  it.each([
    ["2026-01-31T12:00:00Z", Date.UTC(2026, 0, 31, 12)],
    ["2026-01-31T12:00:00.5Z", Date.UTC(2026, 0, 31, 12, 0, 0, 500)],
    ["2026-01-31T12:00:00.123456789Z", Date.UTC(2026, 0, 31, 12, 0, 0, 123)],
    ["2026-01-31T12:00:00+02:00", Date.UTC(2026, 0, 31, 10)],
    ["2026-01-31T12:00:00-14:00", Date.UTC(2026, 1, 1, 2)],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
    ["2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29)],
    ["2026-01-31T24:00:00Z", Date.UTC(2026, 1, 1)],
  ])("%s is parsed", (text, time) => {
    expect(parseDateTimeStamp(text)).toBe(time);
  });

  it.each([
    "",
    "2026",
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-01-31 12:00:00Z",
    "2026-01-31T12:00Z",
    "2026-01-31t12:00:00z",
    "2026-01-31T12:00:00.Z",
    "2026-01-31T12:00:60Z",
    "2026-01-31T24:00:01Z",
    "2026-01-31T12:00:00+15:00",
    "2026-01-31T12:00:00+0200",
    "2026-02-30T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "12026-01-01T00:00:00Z",
    "-2026-01-01T00:00:00Z",
    "1767182400",
    `2026-01-31T12:00:00.${"1".repeat(100)}Z`,
  ])("%j is not accepted", (text) => {
    expect(parseDateTimeStamp(text)).toBeUndefined();
  });

  it("round-trips, to the second", () => {
    const max = Date.parse("9999-12-31T23:59:59Z");
    fc.assert(
      fc.property(fc.integer({ min: 0, max }), (time) => {
        expect(parseDateTimeStamp(formatDateTimeStamp(time))).toBe(time - (time % 1000));
      }),
    );
  });
});
