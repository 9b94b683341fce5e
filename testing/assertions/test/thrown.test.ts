import { describe, expect, it } from "vitest";
import { rejectionOf, thrownBy } from "../src/index.ts";

describe("thrownBy", () => {
  it("gives what is thrown, and throws where nothing is", () => {
    const error = new Error("no");
    const fail = (): never => {
      throw error;
    };
    expect(thrownBy(fail)).toBe(error);
    expect(() => thrownBy(() => error)).toThrow("Nothing was thrown");
  });
});

describe("rejectionOf", () => {
  it("gives what a promise is rejected with, and throws where it is fulfilled", async () => {
    const error = new Error("no");
    expect(await rejectionOf(Promise.reject(error))).toBe(error);
    await expect(rejectionOf(Promise.resolve(error))).rejects.toThrow("The promise was fulfilled");
  });
});
