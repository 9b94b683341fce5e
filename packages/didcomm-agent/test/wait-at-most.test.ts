import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { waitAtMost } from "../src/wait-at-most.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("resolves with the promise and clears its timer", async () => {
  await waitAtMost(1000, Promise.resolve());
  expect(vi.getTimerCount()).toBe(0);
});

it("rejects with the promise and clears its timer", async () => {
  await expect(waitAtMost(1000, Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  expect(vi.getTimerCount()).toBe(0);
});

it("resolves after the given time", async () => {
  const waiting = waitAtMost(1000, new Promise(() => {}));
  await vi.advanceTimersByTimeAsync(1000);
  await waiting;
  expect(vi.getTimerCount()).toBe(0);
});
