import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";

import { describeThrown } from "../../src/internal/index.ts";

class Failure {
  status = 404;
}

const unreadable = new Proxy(
  {},
  {
    has() {
      throw new Error("no");
    },
  },
);

describe("describeThrown", () => {
  it.each<[string, unknown, string]>([
    ["an error", new TypeError("bug"), "bug"],
    ["an error of another realm", runInNewContext("new Error('far')"), "far"],
    ["an object with a message", { message: "refused", code: 5 }, "refused"],
    ["an error without a message", new RangeError(), "RangeError without a message"],
    ["an error that says only its cause", new Error("", { cause: new Error("disk full") }), "disk full"],
    ["several errors in one", new AggregateError([new Error("a"), "b", { code: 5 }, "d"]), "a; b; an object was thrown: { code: 5 }"],
    ["a text", "text", "text"],
    ["an empty text", "", "an empty text was thrown"],
    ["a number", 5, "5 was thrown"],
    ["undefined", undefined, "undefined was thrown"],
    ["null", null, "null was thrown"],
    ["a symbol", Symbol("s"), "Symbol(s) was thrown"],
    ["a function", function retry() {}, "a function was thrown: retry"],
    [
      "an object",
      { code: 5, why: "no", at: new Date(0), deep: { x: 1 } },
      'an object was thrown: { code: 5, why: "no", at: a Date, deep: an object }',
    ],
    ["an object of a class", new Failure(), "an object was thrown: { status: 404 }"],
    ["an array", [1, "a"], 'an array was thrown: { 0: 1, 1: "a" }'],
    ["an object without a prototype", Object.create(null), "an object was thrown: {}"],
    ["an object that can't be read", unreadable, "a value was thrown that can't be read"],
  ])("describes the thrown value: %s", (_name, thrown, expected) => {
    expect(describeThrown(thrown)).toBe(expected);
  });

  it("is bounded by members and by characters", () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`${index}${"k".repeat(500)}`, "v".repeat(500)]));
    expect(describeThrown(many).length).toBeLessThanOrEqual(1000);
    expect(describeThrown(Array.from({ length: 1000 }, () => 1))).toBe(
      `an array was thrown: { ${[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `${n}: 1`).join(", ")}, … }`,
    );
  });

  it("ends for causes that lead back to themselves", () => {
    const error = new Error("");
    error.cause = error;
    expect(describeThrown(error)).toBe("a value was thrown that can't be read");
  });
});
