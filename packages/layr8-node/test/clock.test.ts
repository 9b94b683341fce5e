import { expect, it } from "vitest";
import { NodeClock } from "../src/clock.ts";

function clockAt(wall: number): { clock: NodeClock; pass(ms: number): void; jump(ms: number): void } {
  let [now, elapsed] = [wall, 0];
  const clock = new NodeClock({ now: () => now }, () => elapsed);
  return {
    clock,
    pass: (ms) => {
      now += ms;
      elapsed += ms;
    },
    jump: (ms) => {
      now += ms;
    },
  };
}

it("starts lifetimes at the elapsed time while the wall clock is set back, and at wall-clock time once it is right again", () => {
  const { clock, pass, jump } = clockAt(1_000_000);
  pass(1000);
  expect(clock.lifetimeStart()).toBe(1_001_000);
  jump(-500_000);
  pass(10);
  expect([clock.lifetimeStart(), clock.expiry()]).toEqual([1_001_010, 501_010]);
  jump(500_000);
  pass(10);
  expect([clock.lifetimeStart(), clock.expiry()]).toEqual([1_001_020, 1_001_020]);
});

it("waits go by a clock that no jump changes", () => {
  const { clock, pass, jump } = clockAt(1_000_000);
  jump(8 * 24 * 60 * 60_000);
  pass(5);
  jump(-365 * 24 * 60 * 60_000);
  expect(clock.monotonic()).toBe(5);
});
