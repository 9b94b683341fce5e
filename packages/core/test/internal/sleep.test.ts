import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { sleep } from "../../src/internal/index.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("resolves after its time, or as soon as it is aborted, and leaves no timer", async () => {
  const over: string[] = [];
  const abort = new AbortController();
  void sleep(1000, new AbortController().signal).then(() => over.push("time"));
  void sleep(5000, abort.signal).then(() => over.push("abort"));
  await vi.advanceTimersByTimeAsync(999);
  expect(over).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(over).toEqual(["time"]);
  abort.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(over).toEqual(["time", "abort"]);
  expect(vi.getTimerCount()).toBe(0);
});

it("doesn't wait when it is aborted already", async () => {
  await sleep(5000, AbortSignal.abort());
  expect(vi.getTimerCount()).toBe(0);
});
