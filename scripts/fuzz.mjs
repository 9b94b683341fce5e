// Searches for inputs that code doesn't cope with. Run: npm run fuzz -- [--target mls] [--seed 1] [--minutes 10] [--save]
//                                                        npm run fuzz -- --target mls --input <file>
//
// Without --target all targets share the minutes. Prints the seed. A fault writes its input to .cache/fuzz and prints the command that repeats it;
// --save distills what was found into the corpus of the repository.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { display, repository } from "./lib/workspace.mjs";

/** An input that takes longer hangs: far more than one needs on a busy machine. */
const HANG_MS = 60_000;

const folder = join(repository, "testing", "fuzz");
const cache = join(repository, ".cache", "fuzz");

function targets() {
  return readdirSync(join(folder, "test", "targets"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => name.slice(0, -3));
}

/** The present input of a fuzzing process: its number, and itself. */
function readPresent(path) {
  if (!existsSync(path)) return { number: 0, input: Buffer.alloc(0) };
  const bytes = readFileSync(path);
  return bytes.length < 8
    ? { number: 0, input: Buffer.alloc(0) }
    : { number: bytes.readUInt32LE(0), input: bytes.subarray(8, 8 + bytes.readUInt32LE(4)) };
}

/** Runs a target in a process of its own. Resolves with its exit code; an input that hangs or ends the process is kept. */
async function runTarget(options) {
  const args = [
    "--expose-gc",
    "--max-old-space-size=1024",
    "--conditions=@parley/source",
    "--import",
    join(repository, "scripts", "lib", "fuzz-counters.mjs"),
    join(folder, "src", "main.ts"),
    JSON.stringify(options),
  ];
  writeFileSync(options.present, "");
  const child = spawn(process.execPath, args, { cwd: repository, stdio: "inherit" });
  let [last, since, hangs] = [0, performance.now(), false];
  const watch = setInterval(() => {
    const { number } = readPresent(options.present);
    if (number !== last) [last, since] = [number, performance.now()];
    if (performance.now() - since < HANG_MS) return;
    hangs = true;
    child.kill("SIGKILL");
  }, 1000);
  const code = await new Promise((done) => child.on("exit", (exitCode) => done(exitCode ?? 2)));
  clearInterval(watch);
  if (code > 1 || hangs) {
    const path = `${options.crash}.bin`;
    writeFileSync(path, readPresent(options.present).input);
    console.log(`FAULT in ${options.target}: ${hangs ? `no end after ${HANG_MS / 1000} s` : `the process ended with ${code}`}`);
    console.log(`Input: ${display(path)}\nAgain: npm run fuzz -- --target ${options.target} --input ${display(path)}`);
  }
  return code;
}

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    seed: { type: "string" },
    minutes: { type: "string" },
    input: { type: "string" },
    save: { type: "boolean", default: false },
  },
});
const all = targets();
const chosen = values.target === undefined ? all : [values.target];
if (!chosen.every((name) => all.includes(name))) {
  console.error(`Unknown target "${values.target}". Targets: ${all.join(", ")}`);
  process.exit(2);
}
const seed = Number(values.seed ?? process.env["PARLEY_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const minutes = Number(values.minutes ?? 10);
if (!Number.isFinite(seed) || !(minutes > 0)) {
  console.error("--seed must be a number, --minutes a positive number");
  process.exit(2);
}
mkdirSync(cache, { recursive: true });
console.log(`Seed ${seed}; ${chosen.join(", ")}; ${minutes} minutes`);
const failed = [];
for (const target of chosen) {
  const code = await runTarget({
    target,
    seed,
    seconds: (minutes * 60) / chosen.length,
    corpus: join(folder, "corpus", `${target}.txt`),
    found: join(cache, `${target}.txt`),
    present: join(cache, `${target}.present`),
    crash: join(cache, `${target}-${seed}`),
    input: values.input === undefined ? undefined : resolve(values.input),
    save: values.save,
  });
  if (code !== 0) failed.push(target);
}
console.log(failed.length === 0 ? `No fault. Seed ${seed}` : `Faults: ${failed.join(", ")}. Seed ${seed}`);
process.exitCode = failed.length === 0 ? 0 : 1;
