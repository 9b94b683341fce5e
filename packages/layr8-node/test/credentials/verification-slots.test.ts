import { describe, expect, it } from "vitest";
import type { FairShareLease } from "@parley/core/internal";
import { VerificationSlots } from "../../src/credentials/verification-slots.ts";

const never = new AbortController().signal;

describe("slots for verifications", () => {
  it("are given to those who wait, in the order of each owner, and owners take turns", async () => {
    const slots = new VerificationSlots(8);
    const held: FairShareLease[] = [];
    const given: string[] = [];
    const take = async (owner: string, name: string): Promise<void> => {
      held.push(await slots.take(owner, true, never));
      given.push(name);
    };
    await Promise.all(["a1", "a2"].map((name) => take("a", name)));
    const waiting = ["a3", "a4", "a5"].map((name) => take("a", name));
    await expect(slots.take("a", false, never)).rejects.toMatchObject({ code: "busy", retryable: true });
    await Promise.all(["b1", "b2"].map((name) => take("b", name)));
    waiting.push(...["b3", "b4"].map((name) => take("b", name)));
    expect(given).toEqual(["a1", "a2", "b1", "b2"]);
    while (held.length > 0) {
      slots.release(held.shift() as FairShareLease);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(waiting);
    expect(given.slice(4)).toEqual(["a3", "a4", "b3", "b4", "a5"]);
  });

  it("are not given to those who no longer wait", async () => {
    const slots = new VerificationSlots(4);
    const first = await slots.take("a", true, never);
    const stop = new AbortController();
    const stopped = slots.take("a", true, stop.signal);
    const next = slots.take("a", true, never);
    stop.abort(new Error("enough"));
    await expect(stopped).rejects.toThrow("enough");
    slots.release(first);
    slots.release(await next);
    slots.release(await slots.take("a", false, never));
  });

  it("have a limit on those who wait", async () => {
    const slots = new VerificationSlots(4);
    const stop = new AbortController();
    await slots.take("a", true, never);
    const waiting = Array.from({ length: 1024 }, () => slots.take("a", true, stop.signal));
    for (const each of waiting) each.catch(() => undefined);
    await expect(slots.take("a", true, never)).rejects.toMatchObject({ code: "busy" });
    stop.abort(new Error("the test has ended"));
    await Promise.allSettled(waiting);
  });
});
