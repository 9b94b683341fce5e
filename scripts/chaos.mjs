// Kills, stops and starves servers and agents under load, damages their files, and counts what is lost, repeated, reused or forked: the tests
// that do so, with the counts of `npm run soak`, as often as asked. Run: npm run chaos [-- --passes 3] [--seed 1] [--only cluster-chaos]. Every pass has a seed of its own, which is printed.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runProgram } from "./lib/run-program.mjs";
import { repository } from "./lib/workspace.mjs";

/** Parts of the paths of the tests. A pass kills and stops processes some hundred times. */
const TESTS = ["chaos.int", "kill.int", "killed.int", "crash", "full-disk", "damage", "clock"];

const { values } = parseArgs({ options: { passes: { type: "string", default: "1" }, seed: { type: "string" }, only: { type: "string" } } });
const passes = Number(values.passes);
const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!Number.isInteger(passes) || passes < 1 || !Number.isInteger(first)) {
  console.error("--passes must be a positive whole number, --seed a whole number");
  process.exit(2);
}
const failed = [];
for (let seed = first; seed < first + passes; seed++) {
  console.log(`pass ${seed - first + 1} of ${passes}, seed ${seed}`);
  const env = { ...process.env, PARLEY_SOAK: "1", PARLEY_SEED: String(seed) };
  const vitest = join(repository, "node_modules", "vitest", "vitest.mjs");
  const code = await runProgram(
    process.execPath,
    [vitest, "run", "--testTimeout=3600000", ...(values.only === undefined ? TESTS : [values.only])],
    { cwd: repository, env },
  );
  if (code !== 0) failed.push(seed);
}
console.log(
  failed.length === 0 ? `${passes} passes, no failure` : `Failures with the seeds ${failed.join(", ")}: npm run chaos -- --seed <seed>`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
