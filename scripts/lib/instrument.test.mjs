import { describe, expect, it } from "vitest";
import { instrument } from "./instrument.mjs";

/** Runs code, and gives its result and how often each branch was taken, in the order of the first time. */
function run(code) {
  const counts = new Map();
  let counters = 0;
  const instrumented = instrument(code, "code.js", () => counters++);
  const branch = (n) => counts.set(n, (counts.get(n) ?? 0) + 1);
  // oxlint-disable-next-line typescript/no-implied-eval -- the code is this test's own
  const result = new Function("fuzzBranch", `${instrumented}; return result;`)(branch);
  return { result, counts: [...counts.values()] };
}

describe("instrumented code", () => {
  it.each([
    ["if without braces", "let result = 0; if (1) result = 1; else result = 2;", 1, [1]],
    ["nested conditional expressions", "const result = 0 ? 1 : 1 ? 2 : 3;", 2, [1, 1]],
    ["operands that may be skipped", "const result = null ?? (0 || 7);", 7, [1, 1]],
    ["loops", "let result = 0; for (let i = 0; i < 3; i++) result += i; while (result < 5) { result++; }", 5, [3, 2]],
    ["functions of every kind", "const f = (x) => ({ x }), g = function () { return f(1); }; const result = g().x;", 1, [1, 1]],
    ["cases", 'let result; switch (2) { case 1: result = "a"; break; case 2: result = "b"; }', "b", [1]],
    ["catch", "let result; try { null.x; } catch { result = 3; }", 3, [1]],
    ["else if", "let result; if (0) result = 1; else if (1) result = 2;", 2, [1, 1]],
    ["a conditional as the body of an arrow function", "const result = ((a) => (a ? 1 : 2))(0);", 2, [1, 1]],
  ])("behaves as before, and counts branches: %s", (_, code, result, counts) => {
    expect(run(code)).toEqual({ result, counts });
  });

  it("rejects invalid code", () => {
    expect(() => instrument("if (", "broken.js", () => 0)).toThrow("broken.js");
  });
});
