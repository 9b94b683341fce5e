// Everything that must hold before a change goes in. Run: npm test
//
// Builds first; then the checks run one after the other beside the tests. Each step prints its number, name and time, and its output if it
// fails; a failed step does not keep the others from running. Running steps are listed every ten seconds. The very last line is
// `N passed, N failed, N skipped`: tests, and every other step that failed as one failure.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { StepRunner } from "./lib/steps.mjs";
import { display, repository } from "./lib/workspace.mjs";

const SUMMARY = join(repository, ".cache", "tests.json");

// With several checkers, tsc and tsgolint check the same types several times.
const BUILD = { name: "build", command: "tsc -b --checkers 1 && node scripts/console.mjs" };

const CHECKS = [
  { name: "format", command: "oxfmt --check", hint: "npm run format" },
  { name: "manifests", command: "sherif" },
  { name: "package boundaries", command: "node scripts/boundaries.mjs" },
  { name: "types of tests", command: "tsc -p tsconfig.test.json --checkers 1" },
  { name: "lint", command: "oxlint --type-aware --deny-warnings", env: { GOMAXPROCS: "1" } },
  { name: "unused exports", command: "knip --no-progress --no-config-hints" },
  { name: "code blocks", command: "node scripts/code-blocks.mjs" },
  { name: "error codes in READMEs", command: "node scripts/error-codes.mjs --check", hint: "npm run docs:errors" },
  { name: "options in documents", command: "node scripts/options.mjs --check", hint: "npm run docs:options" },
  { name: "links of documents", command: "node scripts/links.mjs" },
  { name: "promises in SECURITY.md", command: "node scripts/security.mjs" },
  { name: "prose", command: "node scripts/prose.mjs", hint: "npm run prose -- --list <package>" },
  { name: "API reports", command: "node scripts/api-report.mjs --check", hint: "npm run api:update, if the change is meant" },
  { name: "names and links of the docs site", command: "node scripts/docs.mjs check" },
  { name: "Node versions of dependencies", command: "node scripts/engines.mjs" },
  { name: "packages", command: "node scripts/packages.mjs --check" },
  { name: "bundles", command: "node scripts/bundles.mjs --quick" },
];

// Take a minute and minutes, so only CI runs them.
if (process.env.PARLEY_DOCS === "1") CHECKS.push({ name: "docs site", command: "node scripts/docs.mjs test" });
if (process.env.PARLEY_RUNTIMES === "1") CHECKS.push({ name: "other runtimes", command: "node scripts/runtimes.mjs --newest" });

const TESTS = {
  name: "tests",
  command: 'vitest run --project "!site" --reporter=default --reporter=./scripts/lib/test-reporter.mjs',
  env: { PARLEY_TEST_SUMMARY: SUMMARY },
};

/** Counts of the tests. A run that failed outside of any test, or found none, is a failure that the summary doesn't count. */
function readSummary(testsFailed) {
  if (!existsSync(SUMMARY)) return { passed: 0, failed: 1, skipped: 0, skips: [], slowest: [] };
  const summary = JSON.parse(readFileSync(SUMMARY, "utf8"));
  const uncounted = (testsFailed || summary.passed === 0) && summary.failed === 0;
  return { ...summary, failed: summary.failed + (uncounted ? 1 : 0) };
}

mkdirSync(join(repository, ".cache"), { recursive: true });
rmSync(SUMMARY, { force: true });
const started = performance.now();
const runner = new StepRunner(CHECKS.length + 2);
await runner.run([BUILD]);
await runner.run([TESTS], CHECKS);

const failedSteps = runner.failed.filter((step) => step !== TESTS).map(({ name }) => name);
const { passed, failed, skipped, skips, slowest } = readSummary(runner.failed.includes(TESTS));
if (slowest.length > 0) console.log(`Slowest test files: ${slowest.join(", ")}`);
for (const line of [...skips, ...runner.skips]) console.log(`skipped: ${line}`);
if (failedSteps.length > 0) console.log(`Failed steps other than the tests, each counted as one failure: ${failedSteps.join(", ")}`);
console.log(`Ran for ${((performance.now() - started) / 60_000).toFixed(1)} minutes; summaries are in ${display(SUMMARY)}`);
process.exitCode = failedSteps.length + failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed + failedSteps.length} failed, ${skipped + runner.skips.length} skipped`);
