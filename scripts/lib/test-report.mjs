// Reads vitest's JSON report.

/** Counts of a report: tests that passed, failed or were skipped; a file that could not run counts as one that failed. */
export function countTests(report) {
  const results = report.testResults ?? [];
  const broken = results.filter(({ status, assertionResults }) => {
    return status === "failed" && !assertionResults.some((test) => test.status === "failed");
  });
  return {
    passed: report.numPassedTests ?? 0,
    failed: (report.numFailedTests ?? 0) + broken.length,
    skipped: (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0),
  };
}
