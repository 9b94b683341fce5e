import { afterEach, beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { DoubtChecks } from "../src/doubt-checks.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Checks that take a time each, and how many rounds began. */
function start(count: number, durationMs: number): { readonly checks: DoubtChecks; readonly rounds: () => number } {
  const closed = new AbortController();
  onTestFinished(() => closed.abort());
  const checks = new DoubtChecks(closed.signal);
  let runs = 0;
  const check = (): Promise<void> => {
    runs++;
    return new Promise((resolve) => setTimeout(resolve, durationMs));
  };
  for (let index = 0; index < count; index++) checks.add(() => check());
  return { checks, rounds: () => runs / count };
}

it("checks every five seconds what is fast", async () => {
  const { rounds } = start(10, 1);
  await vi.advanceTimersByTimeAsync(50_500);
  expect(rounds()).toBe(10);
});

it("spends a tenth of the time on checks that are slow together", async () => {
  // 10 turns of 32 at once, 100 ms each: a second for a round.
  const { rounds } = start(320, 100);
  await vi.advanceTimersByTimeAsync(100_500);
  expect(rounds()).toBeGreaterThanOrEqual(6);
  expect(rounds()).toBeLessThanOrEqual(10);
});

it("checks at once on demand, and once more if that was during a round", async () => {
  const { checks, rounds } = start(320, 100);
  void checks.run();
  void checks.run();
  void checks.run();
  await vi.advanceTimersByTimeAsync(2100);
  expect(rounds()).toBe(2);
});
