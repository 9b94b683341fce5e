// Everything that must hold before a change goes in. Run: npm test
//
// Each step prints its name and time, and its output if it fails. A failed step does not keep the next ones from running. The very
// last line is `N passed, N failed, N skipped`: tests, and every other step that failed as one failure.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { display, repository } from "./lib/workspace.mjs";
import { countTests } from "./lib/test-report.mjs";

const REPORT = join(repository, ".cache", "vitest.json");

const STEPS = [
  { name: "build", command: "tsc -b" },
  { name: "types of tests", command: "tsc -p tsconfig.test.json" },
  { name: "lint", command: "oxlint --type-aware --deny-warnings" },
  { name: "format", command: "oxfmt --check", hint: "npm run format" },
  { name: "manifests", command: "sherif" },
  { name: "package boundaries", command: "node scripts/boundaries.mjs" },
  { name: "unused exports", command: "knip --no-progress --no-config-hints" },
  { name: "code blocks", command: "node scripts/code-blocks.mjs" },
  { name: "API reports", command: "node scripts/api-report.mjs --check" },
  { name: "packages", command: "turbo run pkgcheck --output-logs=errors-only --continue" },
  { name: "publishing, dry run", command: "pnpm -r publish --dry-run --no-git-checks" },
];

const TESTS = { name: "tests", command: `vitest run --reporter=default --reporter=json --outputFile.json=${display(REPORT)}` };

/** Lines of a failed step's output that are shown: its end, where tools sum up. */
const TAIL = 250;

const env = {
  ...process.env,
  PATH: [join(repository, "node_modules", ".bin"), process.env.PATH].join(delimiter),
  CI: "1",
  NO_COLOR: "1",
  TURBO_TELEMETRY_DISABLED: "1",
  // The dry run asks the registry what is published already; without a network it must not wait long for the answer.
  npm_config_fetch_retries: "0",
  npm_config_fetch_timeout: "5000",
};

function execute(command) {
  return new Promise((resolve) => {
    const chunks = [];
    const child = spawn(command, { cwd: repository, env, shell: true, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(chunk));
    child.on("error", (error) => resolve({ ok: false, output: String(error) }));
    child.on("close", (status) => resolve({ ok: status === 0, output: Buffer.concat(chunks).toString() }));
  });
}

async function run({ name, command, hint }) {
  const started = performance.now();
  const { ok, output } = await execute(command);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  if (!ok) {
    const lines = stripVTControlCharacters(output).trimEnd().split("\n");
    if (lines.length > TAIL) console.log(`  … ${lines.length - TAIL} lines before these; all of them: npx ${command}`);
    for (const line of lines.slice(-TAIL)) console.log(`  ${line}`);
    if (hint !== undefined) console.log(`  To mend it: ${hint}`);
  }
  return ok;
}

async function runTests() {
  mkdirSync(join(repository, ".cache"), { recursive: true });
  rmSync(REPORT, { force: true });
  const ok = await run(TESTS);
  const counts = existsSync(REPORT) ? countTests(JSON.parse(readFileSync(REPORT, "utf8"))) : { passed: 0, failed: 0, skipped: 0 };
  // An error outside of any test, or a run that found none, is a failure that the report does not count.
  const uncounted = (!ok || counts.passed === 0) && counts.failed === 0;
  return { ...counts, failed: counts.failed + (uncounted ? 1 : 0) };
}

const failedSteps = [];
for (const step of STEPS) if (!(await run(step))) failedSteps.push(step.name);
const { passed, failed, skipped } = await runTests();
if (failedSteps.length > 0) console.log(`Steps that failed besides tests, each counted as one failure: ${failedSteps.join(", ")}`);
process.exitCode = failedSteps.length + failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed + failedSteps.length} failed, ${skipped} skipped`);
