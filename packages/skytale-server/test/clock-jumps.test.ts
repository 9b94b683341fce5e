import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import { startSkytale } from "../src/index.ts";
import { CHANNEL, message, RelayHarness, take } from "./relay/relay-harness.ts";

const HOUR = 3_600_000;

// Only the wall clock is set: timers and the monotonic clock run on.
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

function setClock(byMs: number): void {
  vi.setSystemTime(Date.now() + byMs);
}

it.each([-48 * HOUR, 48 * HOUR])("keeps streams when the wall clock is set by %i ms", async (byMs) => {
  await using harness = new RelayHarness();
  const alice = await harness.grpcClient("alice");
  const received = alice.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
  await alice.publish(CHANNEL, message("before"));
  setClock(byMs);
  await alice.publish(CHANNEL, message("after"));
  expect(await take(received, 2)).toHaveLength(2);
  expect(harness.relay.counts.streams).toBe(1);
});

it("answers calls before their timeout while the wall clock jumps ahead", async () => {
  await using harness = new RelayHarness();
  const alice = await harness.grpcClient("alice");
  let now = Date.now();
  const clock = vi.spyOn(Date, "now").mockImplementation(() => (now += HOUR));
  expect(await alice.heads([CHANNEL])).toEqual([{ first: 1, next: 1 }]);
  clock.mockRestore();
});

it("holds expiry back when the wall clock has jumped ahead between two starts, unless the operator accepts the clock", async () => {
  await using directory = await temporaryDirectory();
  const heldBackMs = async (acceptClock: boolean): Promise<{ readonly ms: number; readonly warned: boolean }> => {
    const lines: string[] = [];
    const logger = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
    await using server = await startSkytale({ port: 0, relayPort: 0, dataDir: directory.path, acceptClock, logger });
    const metrics = await (await fetch(`${server.apiUrl}/metrics`)).text();
    const ms = Number(/^skytale_clock_held_back_ms (\d+)$/m.exec(metrics)?.[1]);
    return { ms, warned: lines.some((line) => line.includes("acceptClock")) };
  };
  expect(await heldBackMs(false)).toEqual({ ms: 0, warned: false });
  setClock(48 * HOUR);
  const held = await heldBackMs(false);
  expect(held.ms).toBeGreaterThan(47 * HOUR);
  expect(held.warned).toBe(true);
  expect(await heldBackMs(true)).toEqual({ ms: 0, warned: false });
});
