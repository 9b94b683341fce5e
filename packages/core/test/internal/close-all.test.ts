import { expect, it } from "vitest";
import { closeAll, closeQuietly } from "../../src/internal/index.ts";

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

it("closes quietly after another error", async () => {
  const ran: string[] = [];
  await closeQuietly(
    () => Promise.reject(new Error("lost")),
    () => ran.push("second"),
  );
  expect(ran).toEqual(["second"]);
});
