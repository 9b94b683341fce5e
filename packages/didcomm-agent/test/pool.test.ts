import { describe, expect, it } from "vitest";

import { Pool } from "../src/pool.ts";
import { settled } from "./support.ts";

describe("Pool", () => {
  it("runs thousands of tasks in order, a bounded number at a time", async () => {
    const pool = new Pool(2, 10_000);
    const order: number[] = [];
    let active = 0;
    let most = 0;
    for (let index = 0; index < 5000; index++) {
      pool.add(async () => {
        most = Math.max(most, ++active);
        order.push(index);
        await Promise.resolve();
        active--;
      });
    }
    await pool.idle();
    expect(most).toBe(2);
    expect(order).toEqual(Array.from({ length: 5000 }, (_, index) => index));
  });

  it("is idle once the last task has ended", async () => {
    const pool = new Pool(2, 10);
    const finish: (() => void)[] = [];
    const task = () => new Promise<void>((resolve) => finish.push(resolve));
    pool.add(task);
    pool.add(task);
    let idle = false;
    const waiting = pool.idle().then(() => (idle = true));
    finish.shift()?.();
    await settled();
    expect(idle).toBe(false);
    finish.shift()?.();
    await waiting;
    expect(idle).toBe(true);
  });

  it("rejects tasks beyond the queue limit, and accepts tasks again later", async () => {
    const pool = new Pool(1, 1);
    let finish = () => {};
    const task = () => new Promise<void>((resolve) => (finish = resolve));
    expect([pool.add(task), pool.add(task), pool.add(task)]).toEqual([true, true, false]);
    finish();
    await settled();
    expect(pool.add(task)).toBe(true);
    pool.clear();
    finish();
    await pool.idle();
    expect(pool.add(task)).toBe(true);
  });

  it("starts the next task when one releases its slot, and is idle when both have ended", async () => {
    const pool = new Pool(1, 1);
    const ran: string[] = [];
    const finish: (() => void)[] = [];
    const task = (name: string) => async (release: () => void) => {
      ran.push(name);
      await Promise.resolve();
      release();
      release();
      await new Promise<void>((resolve) => finish.push(resolve));
    };
    pool.add(task("a"));
    pool.add(task("b"));
    await settled();
    expect(ran).toEqual(["a", "b"]);
    let idle = false;
    const waiting = pool.idle().then(() => (idle = true));
    finish.shift()?.();
    await settled();
    expect(idle).toBe(false);
    finish.shift()?.();
    await waiting;
  });

  it("limits the tasks that continue without room to the number that may wait", async () => {
    const pool = new Pool(1, 2);
    let started = 0;
    const task = async (release: () => void) => {
      started++;
      await Promise.resolve();
      release();
      await new Promise<void>(() => {});
    };
    for (let count = 0; count < 3; count++) pool.add(task);
    await settled();
    expect(pool.add(task)).toBe(true);
    await settled();
    expect(started).toBe(3);
  });
});
