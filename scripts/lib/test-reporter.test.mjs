import { describe, expect, it } from "vitest";
import { countTests, describeSkips } from "./test-reporter.mjs";

const FILE = { type: "module" };
const suite = (fullName, state, parent = FILE) => ({ type: "suite", fullName, state: () => state, parent });
const test = (state, parent = FILE, fullName = "a test") => ({ type: "test", fullName, parent, result: () => ({ state }) });

/** A module as vitest's reporters get it. */
function module(state, tests, moduleId = `${process.cwd()}/packages/core/test/some.test.ts`) {
  const allTests = (wanted) => tests.filter((one) => wanted === undefined || one.result().state === wanted);
  return { moduleId, state: () => state, children: { allTests } };
}

describe("countTests", () => {
  it("counts tests by their state, and those that never ran as skipped", () => {
    const tests = [test("passed"), test("passed"), test("failed"), test("skipped"), test("pending")];
    expect(countTests([module("failed", tests)])).toEqual({ passed: 2, failed: 1, skipped: 2 });
  });

  it("counts a file that could not run as one failure, and a file with a failed test once", () => {
    expect(countTests([module("failed", []), module("failed", [test("failed")]), module("passed", [test("passed")])])).toEqual({
      passed: 1,
      failed: 2,
      skipped: 0,
    });
  });
});

describe("describeSkips", () => {
  it("has one line for each skipped suite, the outermost, and one for each skipped test elsewhere", () => {
    const outer = suite("Authlib: it is not installed", "skipped");
    const inner = suite("Authlib: it is not installed > decrypts", "skipped", outer);
    const other = suite("others", "passed");
    const tests = [test("skipped", outer), test("skipped", inner), test("skipped", other, "others > on Windows"), test("passed", other)];
    expect(describeSkips([module("passed", tests)])).toEqual([
      "2 in packages/core/test/some.test.ts: Authlib: it is not installed",
      "1 in packages/core/test/some.test.ts: others > on Windows",
    ]);
  });
});
