// Runs the tests that search at random for many times as long as the gate does, and then the fuzzer for ten minutes.
// Run: npm run soak [-- <part of a test file's path>]; with one, the fuzzer is left out
//
// The seed is printed; `PARLEY_SEED=<seed> npm run soak` makes the same choices again.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "./lib/run-program.mjs";
import { display, filesBelow, members, repository } from "./lib/workspace.mjs";

/** Test files that repeat something: those that import `gateOrSoak`. */
function soakFiles(filters) {
  return members()
    .flatMap(({ dir }) => filesBelow(join(dir, "test"), /\.test\.ts$/))
    .filter((path) => /\bgateOrSoak\b/.test(readFileSync(path, "utf8")))
    .map((path) => display(path))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)));
}

const seed = process.env["PARLEY_SEED"] ?? String(Math.floor(Math.random() * 2 ** 31));
const filters = process.argv.slice(2);
const files = soakFiles(filters);
if (files.length === 0) {
  console.error("No soak test has that in its path.");
  process.exitCode = 2;
} else {
  console.log(`${files.length} files, PARLEY_SEED=${seed}`);
  const vitest = join(repository, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", "--testTimeout=3600000", ...files];
  const env = { ...process.env, PARLEY_SOAK: "1", PARLEY_SEED: seed };
  const tests = await runProgram(process.execPath, args, { cwd: repository, env });
  const fuzz = [join(repository, "scripts", "fuzz.mjs"), "--seed", seed, "--minutes", "10"];
  const fuzzing = filters.length === 0 ? await runProgram(process.execPath, fuzz, { cwd: repository, env }) : 0;
  process.exitCode = tests === 0 ? fuzzing : tests;
  console.log(`PARLEY_SEED=${seed}`);
}
