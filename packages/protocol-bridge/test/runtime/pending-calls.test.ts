import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PendingCalls, type PendingCall } from "../../src/runtime/pending-calls.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function create(timeoutMs: number): { readonly calls: PendingCalls<PendingCall>; readonly expired: string[] } {
  const expired: string[] = [];
  const total = { count: 3, bytes: 100 };
  const perParty = { count: 2, bytes: 50 };
  return { calls: new PendingCalls({ timeoutMs, total, perParty, onTimeout: ({ key }) => expired.push(key) }), expired };
}

const call = (key: string, party: string | undefined = "alice", bytes = 0): PendingCall => ({ key, party, bytes });

describe("PendingCalls", () => {
  it("expires calls in their order, with one timer", () => {
    const { calls, expired } = create(100);
    calls.add(call("a"));
    vi.advanceTimersByTime(50);
    calls.add(call("b"));
    calls.add(call("c"));
    calls.take("c");
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(60);
    expect(expired).toEqual(["a"]);
    vi.advanceTimersByTime(60);
    expect(expired).toEqual(["a", "b"]);
  });

  it("accepts deadlines beyond the longest timer", () => {
    const { calls, expired } = create(Number.MAX_SAFE_INTEGER);
    const timers = vi.spyOn(globalThis, "setTimeout");
    calls.add(call("a"));
    vi.advanceTimersByTime(86_400_000);
    expect(timers).toHaveBeenCalledTimes(1);
    expect(expired).toEqual([]);
    timers.mockRestore();
    calls.clear();
  });

  it("limits the calls in total and of each party, and frees the capacity of calls that end", () => {
    const { calls } = create(100);
    for (const key of ["a", "b"]) calls.add(call(key));
    expect([calls.isPartyFull("alice"), calls.isPartyFull("bob"), calls.isFull]).toEqual([true, false, false]);
    expect(calls.hasCapacity("alice", 0)).toBe(false);
    calls.add(call("c", "bob"));
    expect([calls.isFull, calls.hasCapacity("carol", 0)]).toEqual([true, false]);
    calls.take("a");
    expect([calls.isPartyFull("alice"), calls.hasCapacity("carol", 0)]).toEqual([false, true]);
    vi.advanceTimersByTime(100);
    expect(calls.all()).toEqual([]);
    for (const key of ["d", "e"]) calls.add(call(key));
    expect(calls.clear()).toHaveLength(2);
    expect(calls.hasCapacity("alice", 50)).toBe(true);
  });

  it("keeps the deadline and the quota of a call that is added again", () => {
    const { calls, expired } = create(100);
    calls.add(call("a"));
    vi.advanceTimersByTime(60);
    calls.add(call("a"));
    expect(calls.isPartyFull("alice")).toBe(false);
    vi.advanceTimersByTime(40);
    expect(expired).toEqual(["a"]);
  });
});
