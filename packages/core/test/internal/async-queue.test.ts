import { describe, expect, it } from "vitest";
import { AsyncQueue } from "../../src/internal/index.ts";

async function collect<T>(queue: AsyncQueue<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of queue) items.push(item);
  return items;
}

describe("AsyncQueue", () => {
  it("delivers in order what was pushed before, during and at the end", async () => {
    const queue = new AsyncQueue<number>();
    queue.push(1);
    queue.push(2);
    const collected = collect(queue);
    await Promise.resolve();
    queue.push(3);
    queue.end();
    queue.push(4);
    expect(await collected).toEqual([1, 2, 3]);
  });

  it("wakes a consumer that waits, on push and on end", async () => {
    const queue = new AsyncQueue<number>();
    const iterator = queue[Symbol.asyncIterator]();
    const first = iterator.next();
    queue.push(1);
    expect(await first).toEqual({ done: false, value: 1 });
    const second = iterator.next();
    queue.end();
    expect(await second).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("counts the waiting items", async () => {
    const queue = new AsyncQueue<number>();
    queue.push(1);
    queue.push(2);
    expect(queue.size).toBe(2);
    await queue[Symbol.asyncIterator]().next();
    expect(queue.size).toBe(1);
  });

  it("fails after what is queued, once", async () => {
    const queue = new AsyncQueue<number>();
    const iterator = queue[Symbol.asyncIterator]();
    queue.push(1);
    queue.fail(new Error("over"));
    queue.fail(new Error("again"));
    queue.end();
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    await expect(iterator.next()).rejects.toThrow("over");
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("fails a consumer that waits", async () => {
    const queue = new AsyncQueue<number>();
    const waiting = queue[Symbol.asyncIterator]().next();
    queue.fail(new Error("over"));
    await expect(waiting).rejects.toThrow("over");
  });

  it("ignores a failure after the end", async () => {
    const queue = new AsyncQueue<number>();
    queue.end();
    queue.fail(new Error("late"));
    expect(await collect(queue)).toEqual([]);
  });

  it("drops its items and its failure when the consumer leaves", async () => {
    const queue = new AsyncQueue<number>();
    queue.push(1);
    queue.push(2);
    queue.fail(new Error("over"));
    const iterator = queue[Symbol.asyncIterator]();
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(queue.size).toBe(0);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("ends for the producer when the consumer breaks off", async () => {
    const queue = new AsyncQueue<number>();
    queue.push(1);
    queue.push(2);
    for await (const _ of queue) break;
    queue.push(3);
    expect(queue.size).toBe(0);
  });

  it("has one consumer", async () => {
    const queue = new AsyncQueue<number>();
    const first = queue[Symbol.asyncIterator]().next();
    await expect(queue[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
    queue.push(1);
    expect(await first).toEqual({ done: false, value: 1 });
  });

  it("keeps the order through many items, taken in bursts", async () => {
    const queue = new AsyncQueue<number>();
    const iterator = queue[Symbol.asyncIterator]();
    const taken: number[] = [];
    let pushed = 0;
    for (let burst = 0; burst < 50; burst++) {
      for (let n = 0; n < 200; n++) queue.push(pushed++);
      for (let n = 0; n < 150; n++) {
        const { value } = await iterator.next();
        if (value !== undefined) taken.push(value);
      }
    }
    queue.end();
    expect([...taken, ...(await collect(queue))]).toEqual(Array.from({ length: pushed }, (_, n) => n));
  });
});
