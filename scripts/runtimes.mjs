// Runs both programs of the README on the newest release of every supported runtime, and unit tests on the other Node lines. Node 18 must
// refuse every entry point with one sentence. Needs a build, and the npm registry for what isn't in `.cache/runtimes`.
//   npm run runtimes                  programs everywhere, and the tests of the packages whose code depends on the runtime
//   npm run runtimes -- --all-tests   all unit tests
//   npm run runtimes -- --newest      those tests on the newest line of Node only, as in the gate
//   npm run runtimes -- --programs    programs only
//   npm run runtimes -- "Node 26"     one runtime
// The last line is `N passed, N failed, N skipped`; the exit code is 1 if anything failed.
import { spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readmePrograms } from "./lib/consumer.mjs";
import { provide, RUNTIMES } from "./lib/runtimes.mjs";
import { PROGRESS, SKIPPED } from "./lib/steps.mjs";
import { display, members, repository } from "./lib/workspace.mjs";

/**
 * Tests of code that uses what runtimes do differently: cryptography, URL and JSON parsers, HTTP, WebSockets, files. The rest is plain
 * JavaScript, which the tests on one line cover.
 */
const RUNTIME_TESTS = [
  "packages/core",
  "packages/did/",
  "packages/didcomm-crypto",
  "packages/transport-phoenix",
  "packages/storage",
  "packages/credentials-client",
  "packages/channels/test/api",
  "packages/mls-engine/test/crypto",
  "packages/mls-engine/test/store/codec.test.ts",
  "packages/mls-engine/test/store/encryption.test.ts",
  "packages/mls-engine/test/store/file-store.test.ts",
  "packages/mls-engine/test/group.test.ts",
  "packages/mls-engine/test/suites.test.ts",
];
const PROGRAM_TIMEOUT_MS = 120_000;
const TESTS_TIMEOUT_MS = 1_800_000;
const REFUSAL = /Parley needs Node 20\.19 or newer; this is /;

const NEWEST = RUNTIMES.findLast(({ kind }) => kind === "node")?.range;

const options = process.argv.slice(2);
const wanted = options.filter((option) => !option.startsWith("--"));
const counts = { passed: 0, failed: 0, skipped: 0 };

/** Runs a command. Resolves with its exit code and what it printed; a runtime that hangs is ended, which counts as failure. */
function run([command, ...args], timeout) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: repository, timeout, killSignal: "SIGKILL", stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", (error) => resolve({ status: 1, output: String(error) }));
    child.on("close", (status, signal) => resolve({ status: status ?? signal, output }));
  });
}

/** Counts and prints one result. */
function report(name, ok, output) {
  counts[ok ? "passed" : "failed"] += 1;
  console.log(`${ok ? "ok  " : "FAIL"} ${name}`);
  if (!ok) for (const line of output.trimEnd().split("\n").slice(-60)) console.log(`  ${line}`);
}

/** Runs a program that is saved in the repository, as the README says. */
async function runProgram(command, name, code) {
  const path = join(repository, name);
  writeFileSync(path, code);
  try {
    return await run([...command, path], PROGRAM_TIMEOUT_MS);
  } finally {
    rmSync(path, { force: true });
  }
}

async function checkSupported({ name, kind, range }, { version, command }) {
  for (const [program, code] of readmePrograms()) {
    console.log(`${PROGRESS}${name}, ${program}`);
    const { status, output } = await runProgram(command, `.runtimes-${process.pid}-${program}`, code);
    report(`${name} (${version}): ${program}`, status === 0 && output !== "", `${output}\nended with ${status}`);
  }
  const isOther = kind === "node" && range !== process.versions.node.split(".")[0];
  if (!isOther || options.includes("--programs") || (options.includes("--newest") && range !== NEWEST)) return;
  console.log(`${PROGRESS}${name}, unit tests`);
  const tests = options.includes("--all-tests") ? [] : RUNTIME_TESTS;
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "unit*", ...tests];
  const { status, output } = await run([...command, ...vitest], TESTS_TIMEOUT_MS);
  report(`${name} (${version}): unit tests, ${/Tests .*/.exec(output)?.[0] ?? "none ran"}`, status === 0, output);
}

async function checkRefused({ name }, { version, command }) {
  console.log(`${PROGRESS}${name}`);
  const published = members().filter(({ group }) => group === "packages");
  for (const { dir, manifest } of published) {
    for (const subpath of Object.keys(manifest.exports).filter((one) => !/internal|package\.json|\*/.test(one))) {
      const code = `import ${JSON.stringify(manifest.name + subpath.slice(1))};\n`;
      const { status, output } = await runProgram(command, `${display(dir)}/.runtimes-${process.pid}.mjs`, code);
      const isRefused = status !== 0 && REFUSAL.test(output);
      if (!isRefused) report(`${name} (${version}) is refused by ${manifest.name + subpath.slice(1)}`, false, output);
    }
  }
  const commands = published.flatMap(({ dir, manifest }) => Object.values(manifest.bin ?? {}).map((bin) => join(dir, bin)));
  for (const script of [...commands, "scripts/boot.mjs", "scripts/pnpm.mjs"]) {
    const { status, output } = await run([...command, script, "start"], PROGRAM_TIMEOUT_MS);
    const isRefused = status !== 0 && REFUSAL.test(output) && output.trim().split("\n").length === 1;
    if (!isRefused) report(`${name} (${version}) is refused by ${display(script)}`, false, output);
  }
  if (counts.failed === 0) report(`${name} (${version}) is refused by every entry point`, true, "");
}

for (const runtime of RUNTIMES) {
  if (wanted.length > 0 && !wanted.includes(runtime.name)) continue;
  let provided;
  try {
    console.log(`${PROGRESS}getting ${runtime.name}`);
    provided = provide(runtime);
  } catch (error) {
    counts.skipped += 1;
    console.log(`${SKIPPED}${runtime.name} could not be had: ${error.message.split("\n")[0]}`);
    continue;
  }
  await (runtime.isTooOld ? checkRefused : checkSupported)(runtime, provided);
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 ? 0 : 1;
