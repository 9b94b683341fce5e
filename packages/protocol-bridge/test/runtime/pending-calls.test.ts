import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadlines } from "../../src/internal/deadlines.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("deadlines", () => {
  it("come in the order of what waits, with one timer for all", () => {
    const late: string[] = [];
    const deadlines = new Deadlines<string>(100, (item) => late.push(item));
    deadlines.add("a", "first");
    vi.advanceTimersByTime(50);
    deadlines.add("b", "second");
    deadlines.add("c", "third");
    deadlines.take("c");
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(60);
    expect(late).toEqual(["first"]);
    vi.advanceTimersByTime(60);
    expect(late).toEqual(["first", "second"]);
  });

  it("may be further away than any timer goes", () => {
    const late: string[] = [];
    const deadlines = new Deadlines<string>(Number.MAX_SAFE_INTEGER, (item) => late.push(item));
    const timers = vi.spyOn(globalThis, "setTimeout");
    deadlines.add("a", "first");
    vi.advanceTimersByTime(86_400_000);
    expect(timers).toHaveBeenCalledTimes(1);
    expect(late).toEqual([]);
    timers.mockRestore();
    deadlines.clear();
  });
});
