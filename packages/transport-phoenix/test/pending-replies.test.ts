import { NodeTransportError } from "@parley/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PendingReplies, type ReplyWaiter } from "../src/pending-replies.ts";

const OK = { status: "ok", response: {} };
const BROKEN = new NodeTransportError("disconnected", "broken");

function waiter(log: string[], name: string, owner: object = {}): ReplyWaiter {
  return { owner, onReply: ({ status }) => log.push(`${name} ${status}`), onFailure: ({ code }) => log.push(`${name} ${code}`) };
}

describe("PendingReplies", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("delivers each reply once", () => {
    const log: string[] = [];
    const pending = new PendingReplies();
    pending.add("1", waiter(log, "one"), 100);
    expect(pending.settle("2", OK)).toBe(false);
    expect(pending.settle("1", OK)).toBe(true);
    expect(pending.settle("1", OK)).toBe(false);
    vi.advanceTimersByTime(1_000);
    expect(log).toEqual(["one ok"]);
  });

  it("keeps different deadlines with one timer", () => {
    const log: string[] = [];
    const pending = new PendingReplies();
    pending.add("1", waiter(log, "slow"), 300);
    pending.add("2", waiter(log, "fast"), 100);
    pending.add("3", waiter(log, "middle"), 200);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(99);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(log).toEqual(["fast push_timeout"]);
    vi.advanceTimersByTime(250);
    expect(log).toEqual(["fast push_timeout", "middle push_timeout", "slow push_timeout"]);
    expect(vi.getTimerCount()).toBe(0);
    pending.add("4", waiter(log, "later"), 100);
    vi.advanceTimersByTime(101);
    expect(log.at(-1)).toBe("later push_timeout");
  });

  it("fails what one owner waits for, or everything", () => {
    const log: string[] = [];
    const owner = {};
    const pending = new PendingReplies();
    pending.add("1", waiter(log, "mine", owner), 100);
    pending.add("2", waiter(log, "theirs"), 100);
    pending.fail(BROKEN, owner);
    expect(log).toEqual(["mine disconnected"]);
    pending.fail(BROKEN);
    expect(log).toEqual(["mine disconnected", "theirs disconnected"]);
    expect(pending.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not fail a push that is made because another one failed", () => {
    const log: string[] = [];
    const pending = new PendingReplies();
    pending.add("1", { owner: {}, onReply() {}, onFailure: () => pending.add("2", waiter(log, "again"), 100) }, 100);
    pending.fail(BROKEN);
    expect(log).toEqual([]);
    expect(pending.settle("2", OK)).toBe(true);
  });
});
