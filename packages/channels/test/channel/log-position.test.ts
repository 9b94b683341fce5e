import { describe, expect, it } from "vitest";
import { LogPosition } from "../../src/channel/log-position.ts";

const state = async (promise: Promise<unknown>): Promise<unknown> =>
  Promise.race([
    promise.then(
      () => "resolved",
      (error: unknown) => error,
    ),
    new Promise((resolve) => setImmediate(resolve, "waiting")),
  ]);

describe("a position in the log", () => {
  it("is caught up when all entries are applied that the relay had at the connection", async () => {
    const position = new LogPosition(1, false);
    const caughtUp = position.whenCaughtUp();
    position.setTarget(3);
    position.advance(3);
    expect(await state(caughtUp)).toBe("waiting");
    position.connectionUp();
    expect(await state(caughtUp)).toBe("resolved");
    expect(position.isCaughtUp).toBe(true);
  });

  it("is not caught up after a lost connection until the relay reports its end again", () => {
    const position = new LogPosition(1, true);
    position.setTarget(1);
    expect(position.isCaughtUp).toBe(true);
    position.connectionLost();
    position.connectionUp();
    expect(position.isCaughtUp).toBe(false);
    position.setTarget(2);
    expect(position.isCaughtUp).toBe(false);
    position.advance(2);
    expect(position.isCaughtUp).toBe(true);
  });

  it("resolves whenApplied when the entry is applied", async () => {
    const position = new LogPosition(1, true);
    const applied = position.whenApplied(2);
    position.advance(2);
    expect(await state(applied)).toBe("waiting");
    position.advance(3);
    expect(await state(applied)).toBe("resolved");
    expect(await state(position.whenApplied(2))).toBe("resolved");
  });

  it("rejects current and new waiters with inbox_full while it is stalled", async () => {
    const position = new LogPosition(1, true);
    position.setTarget(1);
    const applied = position.whenApplied(1);
    position.stall(true);
    expect(await state(applied)).toMatchObject({ code: "inbox_full" });
    expect(await state(position.whenCaughtUp())).toMatchObject({ code: "inbox_full" });
    position.stall(false);
    expect(await state(position.whenCaughtUp())).toBe("resolved");
  });

  it("allows sending when connected and either caught up or stalled", async () => {
    const position = new LogPosition(1, true);
    position.setTarget(2);
    const sendable = position.whenSendable();
    position.connectionLost();
    position.stall(true);
    expect(await state(sendable)).toBe("waiting");
    position.connectionUp();
    expect(await state(sendable)).toBe("resolved");
    position.stall(false);
    const again = position.whenSendable();
    expect(await state(again)).toBe("waiting");
    position.setTarget(2);
    position.advance(2);
    expect(await state(again)).toBe("resolved");
  });

  it("rejects waiters with the error of its end, and on abort", async () => {
    const position = new LogPosition(1, true);
    const stop = new AbortController();
    const stopped = position.whenApplied(1, stop.signal);
    const ended = position.whenApplied(1);
    stop.abort("enough");
    expect(await state(stopped)).toBe("enough");
    const end = new Error("the end");
    position.end(end);
    expect(await state(ended)).toBe(end);
    expect(await state(position.whenCaughtUp())).toBe(end);
    expect(position.ended).toBe(end);
  });
});
