import { describe, expect, it } from "vitest";
import { RestError } from "../src/index.ts";
import { parseRetryAfter, retryDelay } from "../src/retry-delay.ts";

const SETTINGS = { maxRetries: 2, initialMs: 100, maxMs: 1000 };

describe("parseRetryAfter", () => {
  const now = (): number => Date.parse("2026-01-01T00:00:00Z");

  it.each([
    ["0", 0],
    ["120", 120_000],
    ["Thu, 01 Jan 2026 00:00:05 GMT", 5000],
    ["Wed, 31 Dec 2025 23:59:59 GMT", 0],
  ])("reads %j", (value, wanted) => {
    expect(parseRetryAfter(value, now)).toBe(wanted);
  });

  it.each([undefined, "", "-1", "1.5", "1e9", "99999999999", "soon", "Thu, 99 Foo 2026", "2026-01-01", "1".repeat(100_000)])(
    "makes nothing of %j",
    (value) => {
      expect(parseRetryAfter(value, now)).toBeUndefined();
    },
  );
});

describe("retryDelay", () => {
  const unavailable = (retryAfterMs?: number): RestError => new RestError("server_error", "", { status: 503, retryAfterMs });

  it("doubles, with jitter over the upper half", () => {
    for (const [attempt, ceiling] of [
      [1, 100],
      [2, 200],
    ] as const) {
      const wait = retryDelay(unavailable(), attempt, SETTINGS);
      expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
      expect(wait).toBeLessThanOrEqual(ceiling);
    }
  });

  it("respects Retry-After up to the longest delay", () => {
    expect(retryDelay(unavailable(700), 1, SETTINGS)).toBe(700);
    expect(retryDelay(unavailable(3_600_000), 1, SETTINGS)).toBe(1000);
  });

  it("ends after the last retry", () => {
    expect(retryDelay(unavailable(), 3, SETTINGS)).toBeUndefined();
  });

  it.each([
    new RestError("timeout", ""),
    new RestError("response_invalid", ""),
    new RestError("closed", ""),
    new RestError("network", "the node's own code", { status: 400 }),
    new Error("no RestError"),
  ])("is undefined after %o", (error) => {
    expect(retryDelay(error, 1, SETTINGS)).toBeUndefined();
  });
});
