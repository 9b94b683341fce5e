import { describe, expect, it } from "vitest";
import { SendOrder } from "../src/send-order.ts";

const later = async (id: number): Promise<{ id: number }> => {
  await new Promise((resolve) => setImmediate(resolve));
  return { id };
};

describe("the order of sends", () => {
  it("is that of the calls, whatever is ready first", async () => {
    const order = new SendOrder();
    const sent: number[] = [];
    const send = async ({ id }: { id: number }): Promise<void> => void sent.push(id);
    const ready = [{ id: 0 }, later(1), { id: 2 }, Promise.reject(new Error("3")), later(4), { id: 5 }];
    const results = await Promise.allSettled(ready.map((message) => order.pass(message, send)));
    expect(sent).toEqual([0, 1, 2, 4, 5]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected", "fulfilled", "fulfilled"]);
  });

  it("does not wait for the answers", async () => {
    const order = new SendOrder();
    const sent: number[] = [];
    const never = ({ id }: { id: number }): Promise<never> => {
      sent.push(id);
      return new Promise(() => undefined);
    };
    void order.pass(later(0), never);
    void order.pass({ id: 1 }, never);
    await expect.poll(() => sent).toEqual([0, 1]);
    void order.pass({ id: 2 }, never);
    expect(sent).toEqual([0, 1, 2]);
  });

  it("passes errors of a send to its caller only", async () => {
    const order = new SendOrder();
    const failing = (): never => {
      throw new Error("down");
    };
    const [first, second] = [order.pass(later(0), failing), order.pass({ id: 1 }, () => Promise.resolve("sent"))];
    await expect(first).rejects.toThrow("down");
    expect(await second).toBe("sent");
  });
});
