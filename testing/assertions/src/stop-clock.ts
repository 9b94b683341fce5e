import { onTestFinished, vi } from "vitest";

/** Stops the monotonic clock until the test ends. Rate limiters regain nothing, however slow the machine is. Timers continue. */
export function stopClock(): void {
  const clock = vi.spyOn(performance, "now").mockReturnValue(performance.now());
  onTestFinished(() => clock.mockRestore());
}
