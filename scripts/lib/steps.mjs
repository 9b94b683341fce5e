// Runs the steps of a check side by side, and tells how far they are.
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { repository } from "./workspace.mjs";

/** A step that prints a line with this at its start tells its progress: the rest of the line. */
export const PROGRESS = "[progress] ";
/** A step that prints a line with this at its start skipped a part of itself: the rest of the line says which and why. */
export const SKIPPED = "[skipped] ";

/** A line on what runs is printed when nothing else was for this long. */
const QUIET_MS = 10_000;
/** Lines of a failed step's output that are shown: its end, where tools sum up. */
const TAIL = 250;

const env = {
  ...process.env,
  PATH: [join(repository, "node_modules", ".bin"), process.env.PATH].join(delimiter),
  CI: "1",
  NO_COLOR: "1",
  // Tools in Go (tsc, tsgolint, esbuild) collect garbage less often: half of tsc's CPU time, for more memory.
  GOGC: "400",
};

/** @typedef {{ name: string, command: string, hint?: string, env?: Record<string, string> }} Step */

/**
 * Runs steps in lanes: the lanes side by side, the steps of a lane one after the other. A failed step does not keep the next ones from
 * running. Resolves with the failed steps and with the lines that name what was skipped.
 */
export class StepRunner {
  #total;
  #started = 0;
  #running = new Map();
  #printed = performance.now();
  /** @type {Step[]} */
  failed = [];
  /** @type {string[]} */
  skips = [];

  /** @param {number} total how many steps there are in all. */
  constructor(total) {
    this.#total = total;
  }

  /** @param {readonly (readonly Step[])[]} lanes */
  async run(...lanes) {
    const timer = setInterval(() => this.#tell(), 1000);
    try {
      await Promise.all(
        lanes.map(async (lane) => {
          for (const step of lane) await this.#runStep(step);
        }),
      );
    } finally {
      clearInterval(timer);
    }
  }

  async #runStep(step) {
    const number = `${++this.#started} of ${this.#total}`;
    const began = performance.now();
    const state = { began, progress: "" };
    this.#running.set(step.name, state);
    const { ok, output, cpuSeconds } = await execute(step, (progress) => (state.progress = progress));
    this.#running.delete(step.name);
    this.#print(
      `${ok ? "ok  " : "FAIL"} ${number} ${step.name} (${seconds(began)} s${cpuSeconds === undefined ? "" : `, CPU ${cpuSeconds.toFixed(1)} s`})`,
    );
    for (const line of output.filter((one) => one.startsWith(SKIPPED))) this.skips.push(`${step.name}: ${line.slice(SKIPPED.length)}`);
    if (ok) return;
    this.failed.push(step);
    if (output.length > TAIL) this.#print(`  … ${output.length - TAIL} lines before these; all of them: npx ${step.command}`);
    for (const line of output.slice(-TAIL)) this.#print(`  ${line}`);
    if (step.hint !== undefined) this.#print(`  To fix it: ${step.hint}`);
  }

  #print(line) {
    this.#printed = performance.now();
    console.log(line);
  }

  #tell() {
    if (performance.now() - this.#printed < QUIET_MS) return;
    const texts = [...this.#running].map(([name, { began, progress }]) => {
      return `${name} (${seconds(began, 0)} s${progress === "" ? "" : `, ${progress}`})`;
    });
    if (texts.length > 0) this.#print(`     running: ${texts.join("; ")}`);
  }
}

function seconds(since, digits = 1) {
  return ((performance.now() - since) / 1000).toFixed(digits);
}

/** The shell writes the CPU time of a command and all its processes to a pipe of its own. */
function timed(command) {
  return process.platform === "win32" ? command : `(\n${command}\n) 3>&-; status=$?; times >&3; exit $status`;
}

/** The sum of what `times` of a POSIX shell prints, in seconds; undefined if it printed nothing. */
function parseTimes(text) {
  const times = [...text.matchAll(/(\d+)m([\d.]+)s/g)];
  return times.length === 0 ? undefined : times.reduce((sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest), 0);
}

/**
 * Runs a command. Resolves with whether it succeeded, the lines that it printed, those on its progress excepted, and the CPU time that its
 * processes took, without those that it left running.
 */
function execute(step, onProgress) {
  return new Promise((resolve) => {
    const lines = [];
    const take = (line) => (line.startsWith(PROGRESS) ? onProgress(line.slice(PROGRESS.length)) : lines.push(line));
    let times = "";
    const child = spawn(timed(step.command), {
      cwd: repository,
      env: { ...env, ...step.env },
      shell: true,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    child.stdio[3].setEncoding("utf8").on("data", (text) => (times += text));
    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8");
      stream.on("data", (chunk) => {
        const parts = stripVTControlCharacters(rest + chunk).split(/\r?\n/);
        rest = parts.pop();
        for (const part of parts) take(part);
      });
      stream.on("end", () => rest !== "" && take(rest));
    }
    child.on("error", (error) => resolve({ ok: false, output: [...lines, String(error)] }));
    child.on("close", (status) => resolve({ ok: status === 0, output: lines, cpuSeconds: parseTimes(times) }));
  });
}
