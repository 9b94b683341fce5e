import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Watchdog } from "../src/watchdog.ts";

describe("Watchdog", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("calls back once the silence has lasted, counted from the last sign of life", () => {
    const onSilence = vi.fn<() => void>();
    const watchdog = new Watchdog(100, onSilence);
    watchdog.start();
    vi.advanceTimersByTime(90);
    watchdog.heard();
    vi.advanceTimersByTime(90);
    watchdog.heard();
    vi.advanceTimersByTime(99);
    expect(onSilence).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2);
    expect(onSilence).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is quiet once stopped, and starts afresh", () => {
    const onSilence = vi.fn<() => void>();
    const watchdog = new Watchdog(100, onSilence);
    watchdog.start();
    watchdog.stop();
    vi.advanceTimersByTime(1_000);
    expect(onSilence).not.toHaveBeenCalled();
    watchdog.start();
    vi.advanceTimersByTime(99);
    expect(onSilence).not.toHaveBeenCalled();
  });
});
