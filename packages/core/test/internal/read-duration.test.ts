import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MAX_TIMER_MS, readDurationMs } from "../../src/internal/index.ts";

const NAMES = { ms: "timeoutMs", seconds: "timeout" } as const;

describe("readDurationMs", () => {
  beforeEach(() => void vi.spyOn(process, "emitWarning").mockImplementation(() => undefined));
  afterEach(() => void vi.restoreAllMocks());

  it.each([
    [{ timeoutMs: 1500 }, 1500],
    [{ timeout: 1.5 }, 1500],
    [{ timeoutMs: 0 }, 0],
    [{ timeout: Infinity }, MAX_TIMER_MS],
    [{ timeoutMs: 2 ** 40 }, MAX_TIMER_MS],
    [{ timeoutMs: undefined, timeout: undefined }, 7],
    [undefined, 7],
  ])("reads %j as %d ms", (options, ms) => {
    expect(readDurationMs(options, NAMES, 7)).toBe(ms);
    expect(process.emitWarning).not.toHaveBeenCalled();
  });

  it.each([{ timeoutMs: -1 }, { timeoutMs: Number.NaN }, { timeout: -0.1 }, { timeout: "5" as unknown as number }])(
    "rejects %j",
    (options) => {
      expect(() => readDurationMs(options, NAMES, 7)).toThrow(
        /^Option "timeout(Ms)?" must be a number of (milli)?seconds, 0 or greater, not .+$/,
      );
    },
  );

  it("rejects the same duration under both names", () => {
    expect(() => readDurationMs({ timeoutMs: 1, timeout: 1 }, NAMES, 7)).toThrow(
      new TypeError('Options "timeoutMs" and "timeout" are the same duration: give one of them'),
    );
  });

  it("warns once about a value that is obviously in the other unit", () => {
    for (let call = 0; call < 2; call++) {
      expect(readDurationMs({ timeoutMs: 5 }, NAMES, 7)).toBe(5);
      expect(readDurationMs({ timeout: 5000 }, NAMES, 7)).toBe(5_000_000);
    }
    expect(vi.mocked(process.emitWarning).mock.calls.map(([text]) => text)).toEqual([
      '"timeoutMs: 5" is a duration in milliseconds; "timeout" takes seconds',
      '"timeout: 5000" is a duration in seconds; "timeoutMs" takes milliseconds',
    ]);
  });

  it("doesn't warn about long durations where they are usual", () => {
    readDurationMs({ ttl: 86_400 }, { ms: "ttlMs", seconds: "ttl", maxPlausibleSeconds: 86_400 * 365 }, 7);
    expect(process.emitWarning).not.toHaveBeenCalled();
  });
});
