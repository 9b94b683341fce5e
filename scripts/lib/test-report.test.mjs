import { describe, expect, it } from "vitest";
import { countTests } from "./test-report.mjs";

describe("countTests", () => {
  it("counts tests, and todo as skipped", () => {
    expect(countTests({ numPassedTests: 3, numFailedTests: 1, numPendingTests: 1, numTodoTests: 2, testResults: [] })).toEqual({
      passed: 3,
      failed: 1,
      skipped: 3,
    });
  });

  it("counts a file that could not run as one failure, and a file with a failed test once", () => {
    const testResults = [
      { status: "failed", assertionResults: [] },
      { status: "failed", assertionResults: [{ status: "failed" }] },
      { status: "passed", assertionResults: [{ status: "passed" }] },
    ];
    expect(countTests({ numPassedTests: 1, numFailedTests: 1, testResults })).toEqual({ passed: 1, failed: 2, skipped: 0 });
  });
});
