import { ParleyError } from "@parley/core";
import type { EnvelopePort } from "@parley/envelope-and-adapters";
import { randomFrom, SEED } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { RetryingSender } from "../../src/runtime/retrying-sender.ts";
import { slim, text } from "../support/messages.ts";
import { unused } from "../support/world.ts";

const COUNT = 200;

/** A port that accepts each id once, and responds late and out of order. Some sends fail, before or after they have taken effect. */
function flakyPort(): { readonly port: EnvelopePort; readonly taken: string[]; readonly most: () => number } {
  const [taken, ids] = [[] as string[], new Set<string>()];
  let [inFlight, most, calls] = [0, 0, 0];
  const random = randomFrom(SEED);
  const port: EnvelopePort = {
    receive: unused,
    send: async (envelope, { id = "" } = {}) => {
      most = Math.max(most, ++inFlight);
      const fault = ++calls % 60 === 0 ? "before" : calls % 60 === 30 ? "after" : "none";
      if (fault !== "before" && !ids.has(id)) taken.push(text(envelope));
      if (fault !== "before") ids.add(id);
      for (let turns = random(5); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      inFlight -= 1;
      if (fault !== "none") throw new ParleyError("busy", "try again", { retryable: true });
    },
  };
  return { port, taken, most: () => most };
}

async function sendAll(
  window: number,
): Promise<{ readonly taken: string[]; readonly most: number; readonly retried: number; readonly waits: number }> {
  const { port, taken, most } = flakyPort();
  let [retried, waits] = [0, 0];
  const stop = new AbortController().signal;
  const sender = new RetryingSender(port, { window, stop, onWaiting: () => waits++, onRetry: () => retried++ });
  const sends: Promise<void>[] = [];
  for (let index = 0; index < COUNT; index++) {
    await sender.waitForCapacity();
    sends.push(sender.send(slim(`${index}`), `${index}`));
  }
  await Promise.all(sends);
  return { taken, most: most(), retried, waits };
}

const ALL = Array.from({ length: COUNT }, (_, index) => `${index}`);

describe(`RetryingSender (seed ${SEED})`, () => {
  it("sends each message once and in order with a window of one, despite failures", async () => {
    const { taken, most, retried } = await sendAll(1);
    expect(taken).toEqual(ALL);
    expect(most).toBe(1);
    expect(retried).toBeGreaterThan(3);
  });

  it("sends each message once with a larger window, and never exceeds the window", async () => {
    const { taken, most, retried, waits } = await sendAll(8);
    expect(taken.toSorted((a, b) => Number(a) - Number(b))).toEqual(ALL);
    expect(most).toBe(8);
    expect(retried).toBeGreaterThan(3);
    expect(waits).toBeLessThanOrEqual(retried);
  });

  it("rejects all waiting sends with the reason when it is stopped", async () => {
    const stop = new AbortController();
    const port: EnvelopePort = { receive: unused, send: () => Promise.reject(new ParleyError("busy", "never", { retryable: true })) };
    const sender = new RetryingSender(port, { window: 2, stop: stop.signal, onWaiting: () => undefined, onRetry: () => undefined });
    const sends = ["1", "2", "3"].map((content) => sender.send(slim(content)));
    const reason = new Error("enough");
    stop.abort(reason);
    expect(await Promise.allSettled(sends)).toEqual(sends.map(() => ({ status: "rejected", reason })));
    await expect(sender.send(slim("late"))).rejects.toBe(reason);
    await sender.waitForCapacity();
  });
});
