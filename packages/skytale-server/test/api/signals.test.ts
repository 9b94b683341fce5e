import { describe, expect, it } from "vitest";
import { Signals } from "../../src/api/signals.ts";

const FOREVER = 60_000;

function wait(signals: Signals, after: number, asked: { count: number } = { count: 0 }): Promise<number | undefined> {
  return signals.until<number | undefined>("topic", {
    ask: () => Promise.resolve(void asked.count++),
    isNews: (answer) => answer !== undefined,
    take: (news) => ((news as number) > after ? (news as number) : undefined),
    waitMs: FOREVER,
    signal: new AbortController().signal,
  });
}

describe("news", () => {
  it("wakes only the calls that it concerns, without a new query", async () => {
    const signals = new Signals();
    const asked = { count: 0 };
    const future = Array.from({ length: 1000 }, () => wait(signals, Infinity, asked));
    const present = wait(signals, 1);
    await expect.poll(() => signals.size).toBe(1001);
    for (let round = 0; round < 25; round++) signals.notify("topic", 1);
    signals.notify("topic", 2);
    expect(await present).toBe(2);
    expect(asked.count).toBe(1000);
    signals.close();
    expect(new Set(await Promise.all(future))).toEqual(new Set([undefined]));
  });

  it("wakes many calls over several turns of the event loop", async () => {
    const signals = new Signals();
    let woken = 0;
    const calls = Array.from({ length: 1000 }, () => wait(signals, 1).then(() => woken++));
    await expect.poll(() => signals.size).toBe(1000);
    signals.notify("topic", 2);
    await new Promise<void>((resolve) => void setImmediate(resolve));
    expect(woken).toBeLessThan(100);
    await Promise.all(calls);
  });
});
