import { beforeEach, describe, expect, it } from "vitest";
import { MemoryEnvironment, SteadyClock } from "../src/index.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = 1_800_000_000_000;

describe("SteadyClock", () => {
  let wall: number;
  let monotonic: number;
  let jumps: number[];
  let clock: SteadyClock;
  const sources = { wall: () => wall, monotonic: () => monotonic, onJump: (aheadMs: number) => jumps.push(aheadMs) };
  const pass = (ms: number): void => {
    wall += ms;
    monotonic += ms;
  };

  beforeEach(() => {
    wall = START;
    monotonic = 5000;
    jumps = [];
    clock = new SteadyClock({ ...sources, boot: "a" });
  });

  it("follows the wall clock while it gains at most some minutes, or is set back", () => {
    for (const change of [0, MINUTE, 2 * MINUTE, -DAY, DAY - 2 * MINUTE]) {
      wall += change;
      pass(1000);
      expect(clock.now()).toBe(wall);
    }
    expect(clock.heldBackMs).toBe(0);
    expect(jumps).toEqual([]);
  });

  it("does not follow a jump of days that is reverted within the hour", () => {
    pass(MINUTE);
    const before = wall;
    wall += 8 * DAY;
    pass(15_000);
    expect(clock.now()).toBe(before + 15_000);
    expect(clock.heldBackMs).toBe(8 * DAY);
    pass(50 * MINUTE);
    expect(clock.now()).toBe(before + 15_000 + 50 * MINUTE);
    wall -= 8 * DAY;
    expect(clock.now()).toBe(wall);
    expect(jumps).toEqual([8 * DAY]);
  });

  it("does not follow many small jumps within an hour", () => {
    for (let count = 0; count < 20; count++) {
      wall += 4 * MINUTE;
      pass(1000);
      clock.now();
    }
    expect(clock.now()).toBeLessThanOrEqual(START + 20_000 + 5 * MINUTE);
  });

  it("follows a jump after an hour, counted from the last jump", () => {
    wall += 8 * DAY;
    clock.now();
    pass(59 * MINUTE);
    wall += DAY;
    expect(clock.now()).toBe(wall - 9 * DAY);
    pass(59 * MINUTE);
    expect(clock.now()).toBe(wall - 9 * DAY);
    pass(MINUTE);
    expect(clock.now()).toBe(wall);
    expect(jumps).toEqual([8 * DAY, 9 * DAY]);
  });

  describe("after a restart", () => {
    let environment: MemoryEnvironment;
    beforeEach(async () => {
      environment = new MemoryEnvironment();
      clock = new SteadyClock({ ...sources, boot: "a", environment });
      await clock.keep();
    });

    it("accepts time that passed while the machine was on", () => {
      pass(8 * DAY);
      expect(new SteadyClock({ ...sources, boot: "a", environment }).now()).toBe(wall);
      expect(jumps).toEqual([]);
    });

    it.each([
      ["with the machine on", "a", 0],
      ["of the machine", "b", -4000],
    ])("does not follow a clock that is days ahead after a restart %s, for an hour", (_, boot, monotonicChange) => {
      wall += 31 * DAY;
      monotonic += monotonicChange;
      const next = new SteadyClock({ ...sources, boot, environment });
      expect(next.now()).toBe(START);
      expect(jumps).toEqual([31 * DAY]);
      pass(HOUR);
      expect(next.now()).toBe(wall);
    });

    it("still ignores a jump when the server restarts within the hour", async () => {
      wall += 31 * DAY;
      pass(10 * MINUTE);
      await clock.keep();
      expect(new SteadyClock({ ...sources, boot: "a", environment }).now()).toBe(START + 10 * MINUTE);
    });

    it("follows the wall clock immediately with accept: true", () => {
      wall += 31 * DAY;
      expect(new SteadyClock({ ...sources, boot: "b", environment, accept: true }).now()).toBe(wall);
    });

    it("writes its readings once a minute", async () => {
      const readings = (): string => Buffer.from(environment.table("meta").get(Buffer.from("clock")) ?? []).toString();
      const first = readings();
      pass(59_000);
      await clock.keep();
      expect(readings()).toBe(first);
      pass(1000);
      await clock.keep();
      expect(readings()).not.toBe(first);
    });
  });
});
