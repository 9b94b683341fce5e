import { describe, expect, it } from "vitest";
import { MemoryEnvironment, numberAt, numbersKey } from "../src/index.ts";
import { ENVIRONMENT_CHECKS } from "../src/testing/index.ts";

describe("MemoryEnvironment", () => {
  it.each(ENVIRONMENT_CHECKS)("$name", async ({ run }) => {
    await expect(run(new MemoryEnvironment())).resolves.toBeUndefined();
  });
});

describe("numbersKey", () => {
  it("sorts like its numbers, with a prefix before longer keys", () => {
    const keys = [numbersKey(1), numbersKey(1, 0), numbersKey(1, 256), numbersKey(2), numbersKey(2 ** 40)];
    expect(keys.toSorted(Buffer.compare)).toEqual(keys);
    expect([numberAt(numbersKey(7, 2 ** 47), 0), numberAt(numbersKey(7, 2 ** 47), 1)]).toEqual([7, 2 ** 47]);
  });
});
