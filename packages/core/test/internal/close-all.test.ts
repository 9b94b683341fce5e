import { expect, it } from "vitest";
import { closeAll, closeQuietly, closeTogether } from "../../src/internal/index.ts";

it("runs every step in order, and throws the first error afterwards", async () => {
  const ran: number[] = [];
  const step = (number: number, error?: Error) => async (): Promise<void> => {
    await Promise.resolve();
    ran.push(number);
    if (error !== undefined) throw error;
  };
  const [first, second] = [new Error("first"), new Error("second")];
  await expect(closeAll(step(1), step(2, first), step(3), step(4, second), step(5))).rejects.toBe(first);
  expect(ran).toEqual([1, 2, 3, 4, 5]);
});

it("treats a step that throws at once as one that rejects", async () => {
  const ran: string[] = [];
  const closing = closeAll(
    () => {
      throw new TypeError("at once");
    },
    () => ran.push("second"),
  );
  await expect(closing).rejects.toThrow(TypeError);
  expect(ran).toEqual(["second"]);
  await expect(closeAll(() => 1)).resolves.toBeUndefined();
});

it("runs steps side by side, waits for all of them, and throws the first error", async () => {
  const ran: string[] = [];
  const slow = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    ran.push("slow");
  };
  await expect(
    closeTogether(
      () => Promise.reject(new Error("first")),
      slow,
      () => ran.push("fast"),
    ),
  ).rejects.toThrow("first");
  expect(ran).toEqual(["fast", "slow"]);
});

it("closes quietly after another error", async () => {
  const ran: string[] = [];
  await closeQuietly(
    () => Promise.reject(new Error("lost")),
    () => ran.push("second"),
  );
  expect(ran).toEqual(["second"]);
});
