import { ParleyError } from "@parley/core";
import type { EnvelopePort } from "@parley/envelope-and-adapters";
import { describe, expect, it } from "vitest";
import { Outlet } from "../../src/runtime/retrying-sender.ts";
import { slim, text } from "../support/messages.ts";
import { unused } from "../support/world.ts";

const COUNT = 200;

/** A port that takes each id once, and answers late and in no order. Some sends fail, before or after they have taken effect. */
function unsteady(): { readonly port: EnvelopePort; readonly taken: string[]; readonly most: () => number } {
  const [taken, ids] = [[] as string[], new Set<string>()];
  let [underWay, most, calls] = [0, 0, 0];
  const port: EnvelopePort = {
    receive: unused,
    send: async (envelope, { id = "" } = {}) => {
      most = Math.max(most, ++underWay);
      const fault = ++calls % 60 === 0 ? "before" : calls % 60 === 30 ? "after" : "none";
      if (fault !== "before" && !ids.has(id)) taken.push(text(envelope));
      if (fault !== "before") ids.add(id);
      for (let turn = 0; turn < Math.random() * 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      if (fault !== "none") throw new ParleyError("busy", "try again", { retryable: true });
    },
  };
  return { port, taken, most: () => most };
}

async function sendAll(
  window: number,
): Promise<{ readonly taken: string[]; readonly most: number; readonly retried: number; readonly waits: number }> {
  const { port, taken, most } = unsteady();
  let [retried, waits] = [0, 0];
  const stop = new AbortController().signal;
  const outlet = new Outlet(port, { window, stop, onWaiting: () => waits++, onRetry: () => retried++ });
  const sends: Promise<void>[] = [];
  for (let index = 0; index < COUNT; index++) {
    await outlet.room();
    sends.push(outlet.send(slim(`${index}`), `${index}`));
  }
  await Promise.all(sends);
  return { taken, most: most(), retried, waits };
}

const ALL = Array.from({ length: COUNT }, (_, index) => `${index}`);

describe("Outlet", () => {
  it("sends each once and in order with a window of one, whatever fails", async () => {
    const { taken, most, retried } = await sendAll(1);
    expect(taken).toEqual(ALL);
    expect(most).toBe(1);
    expect(retried).toBeGreaterThan(3);
  });

  it("sends each once with a larger window, and never more than that at a time", async () => {
    const { taken, most, retried, waits } = await sendAll(8);
    expect(taken.toSorted((a, b) => Number(a) - Number(b))).toEqual(ALL);
    expect(most).toBe(8);
    expect(retried).toBeGreaterThan(3);
    expect(waits).toBeLessThanOrEqual(retried);
  });

  it("gives up all that waits when it is stopped, with the reason", async () => {
    const stop = new AbortController();
    const port: EnvelopePort = { receive: unused, send: () => Promise.reject(new ParleyError("busy", "never", { retryable: true })) };
    const outlet = new Outlet(port, { window: 2, stop: stop.signal, onWaiting: () => undefined, onRetry: () => undefined });
    const sends = ["1", "2", "3"].map((content) => outlet.send(slim(content)));
    const reason = new Error("enough");
    stop.abort(reason);
    expect(await Promise.allSettled(sends)).toEqual(sends.map(() => ({ status: "rejected", reason })));
    await expect(outlet.send(slim("late"))).rejects.toBe(reason);
    await outlet.room();
  });
});
