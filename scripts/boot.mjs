// Installs and builds what is missing or out of date, then runs a program of this repository. Needs Node and npm only.
// Run: node scripts/boot.mjs start | cluster | test | soak | fuzz | chaos | bench | bystander | docs | pack [arguments of the program]
import "./lib/supported-node.mjs";
import { existsSync, statSync, utimesSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { pnpm } from "./lib/pnpm.mjs";
import { runProgram } from "./lib/run-program.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

const AFTER_THE_TOUR = `
Next steps:
  An agent of your own:  save hello.mjs from README.md here and run: node hello.mjs
  A node that stays:     node packages/layr8-node/bin/layr8-node.js --data-dir ./node-data
  Agent capabilities:    packages/layr8/README.md and packages/skytale/README.md`;

const TASKS = {
  start: { title: "the tour", program: "apps/quickstart/dist/main.js", next: AFTER_THE_TOUR },
  cluster: { title: "a cluster, and what can go wrong in it", program: "apps/quickstart/dist/cluster.js" },
  test: { title: "the gate", program: "scripts/gate.mjs", buildsItself: true },
  soak: { title: "soak tests", program: "scripts/soak.mjs" },
  fuzz: { title: "fuzzing", program: "scripts/fuzz.mjs" },
  chaos: { title: "chaos", program: "scripts/chaos.mjs" },
  bench: { title: "benchmarks", program: "bench/dist/main.js" },
  bystander: { title: "waiting of others under attack", program: "bench/dist/bystander.js" },
  docs: { title: "the docs site", program: "scripts/docs.mjs" },
  pack: { title: "packages", program: "scripts/packages.mjs" },
};

const INSTALLED = `${root}/node_modules/.modules.yaml`;

/** Whether node_modules is missing or older than the lockfile. */
function installIsStale() {
  return !existsSync(INSTALLED) || statSync(`${root}/pnpm-lock.yaml`).mtimeMs > statSync(INSTALLED).mtimeMs;
}

function exitIfFailed(code, step) {
  if (code === 0) return;
  if (code < 128) console.error(`${step} failed; see above.`);
  process.exit(code);
}

const [name, ...args] = process.argv.slice(2);
const task = TASKS[name];
if (task === undefined) throw new TypeError(`Usage: node scripts/boot.mjs ${Object.keys(TASKS).join(" | ")}`);
const steps = task.buildsItself ? 2 : 3;

if (installIsStale()) {
  console.log(`1/${steps} installing (about a minute, once)…`);
  exitIfFailed(await pnpm(["install", "--frozen-lockfile"]), "Installing");
  // pnpm leaves the time as it is where nothing was to be installed.
  utimesSync(INSTALLED, new Date(), new Date());
} else {
  console.log(`1/${steps} installed already`);
}
if (!task.buildsItself) {
  console.log(`2/${steps} building…`);
  exitIfFailed(await runProgram(process.execPath, ["node_modules/typescript/bin/tsc", "-b"], { cwd: root }), "Building");
}
console.log(`${steps}/${steps} ${task.title}`);
process.exitCode = await runProgram(process.execPath, [`${root}/${task.program}`, ...args]);
if (process.exitCode === 0 && task.next !== undefined) console.log(task.next);
