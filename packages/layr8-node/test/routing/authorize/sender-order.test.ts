import { deferred } from "@parley/core/internal";
import { describe, expect, it } from "vitest";
import { SenderOrder } from "../../../src/routing/authorize/sender-order.ts";

describe("SenderOrder", () => {
  it("processes a sender's messages in order, regardless of which is ready first", async () => {
    const order = new SenderOrder();
    const taken: string[] = [];
    const slow = deferred<string>();
    const first = order.enqueue("a", slow.promise, (value) => taken.push(value));
    const second = order.enqueue("a", Promise.resolve("second"), (value) => taken.push(value));
    await order.enqueue("b", Promise.resolve("other"), (value) => taken.push(value));
    expect(taken).toEqual(["other"]);
    slow.resolve("first");
    await Promise.all([first, second]);
    expect(taken).toEqual(["other", "first", "second"]);
  });

  it("does not wait for the promise that a call returns", async () => {
    const order = new SenderOrder();
    const stored = deferred<string>();
    const first = order.enqueue("a", Promise.resolve(), () => stored.promise);
    await expect(order.enqueue("a", Promise.resolve(), () => "second")).resolves.toBe("second");
    stored.resolve("first");
    await expect(first).resolves.toBe("first");
  });

  it("continues after a failure, which only its own caller gets", async () => {
    const order = new SenderOrder();
    const gate = deferred<void>();
    const slow = order.enqueue("a", gate.promise, () => "slow");
    const failed = order.enqueue("a", Promise.reject(new Error("not ready")), () => "never");
    await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    await expect(slow).resolves.toBe("slow");
    const thrown = order.enqueue("a", Promise.resolve(), () => {
      throw new Error("not taken");
    });
    const last = order.enqueue("a", Promise.resolve(), () => "last");
    await expect(failed).rejects.toThrow("not ready");
    await expect(thrown).rejects.toThrow("not taken");
    await expect(last).resolves.toBe("last");
  });

  it("drops a sender without pending messages, and rejects senders beyond its limit", async () => {
    const order = new SenderOrder();
    const gate = deferred<void>();
    const turns = Array.from({ length: 1024 }, () => order.enqueue("a", gate.promise, () => undefined));
    expect([order.isWaiting("a"), order.isFull("a"), order.isWaiting("b"), order.isFull("b")]).toEqual([true, true, false, false]);
    gate.resolve();
    await Promise.all(turns);
    expect([order.isWaiting("a"), order.isFull("a")]).toEqual([false, false]);
  });
});
