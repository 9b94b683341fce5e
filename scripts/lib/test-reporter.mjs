// Vitest reporter of the gate: reports progress while tests run, and writes a summary for the gate to `PARLEY_TEST_SUMMARY`.
import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { PROGRESS } from "./steps.mjs";

/** Files listed as the slowest ones. */
const SLOWEST = 5;

export default class TestReporter {
  #total = 0;
  #ended = 0;
  #failed = [];
  #running = new Set();

  onTestRunStart(specifications) {
    this.#total = specifications.length;
  }

  onTestModuleStart(module) {
    this.#running.add(module);
    this.#print();
  }

  onTestModuleEnd(module) {
    this.#running.delete(module);
    this.#ended += 1;
    if (module.state() === "failed") this.#failed.push(fileOf(module));
    this.#print();
  }

  onTestRunEnd(modules) {
    const path = process.env["PARLEY_TEST_SUMMARY"];
    if (path === undefined) return;
    writeFileSync(path, JSON.stringify({ ...countTests(modules), skips: describeSkips(modules), slowest: slowest(modules) }));
  }

  #print() {
    const failed = this.#failed.length === 0 ? "" : `, failed: ${this.#failed.join(", ")}`;
    const running = [...this.#running].map(fileOf).join(", ");
    console.log(`${PROGRESS}${this.#ended} of ${this.#total} files${failed}${running === "" ? "" : `, now ${running}`}`);
  }
}

function fileOf(module) {
  return relative(process.cwd(), module.moduleId).replaceAll("\\", "/");
}

/** Counts of test modules: tests that passed, failed or were skipped; a file that could not run counts as one that failed. */
export function countTests(modules) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    const states = [...module.children.allTests()].map((test) => test.result().state);
    for (const state of states) counts[state in counts ? state : "skipped"] += 1;
    if (module.state() === "failed" && !states.includes("failed")) counts.failed += 1;
  }
  return counts;
}

/** One line for every skipped suite, and for every skipped test outside of one. Its name gives the reason. */
export function describeSkips(modules) {
  const counts = new Map();
  for (const module of modules) {
    for (const test of module.children.allTests("skipped")) {
      const place = `${fileOf(module)}: ${outermostSkipped(test).fullName}`;
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
  }
  return [...counts].map(([place, count]) => `${count} in ${place}`);
}

/** The outermost suite that is skipped with all its tests, or the test itself. */
function outermostSkipped(test) {
  let skipped = test;
  for (let suite = test.parent; suite.type === "suite"; suite = suite.parent) if (suite.state() === "skipped") skipped = suite;
  return skipped;
}

function slowest(modules) {
  const times = modules.map((module) => ({ file: fileOf(module), seconds: module.diagnostic().duration / 1000 }));
  return times
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, SLOWEST)
    .map(({ file, seconds }) => `${file} ${seconds.toFixed(1)} s`);
}
