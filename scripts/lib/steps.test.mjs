import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PROGRESS, SKIPPED, StepRunner } from "./steps.mjs";

const node = (code) => `"${process.execPath}" -e "${code}"`;

let printed;
beforeEach(() => {
  printed = [];
  vi.spyOn(console, "log").mockImplementation((line) => printed.push(line));
});
afterEach(() => vi.restoreAllMocks());

describe("StepRunner", () => {
  it("runs every step, prints the output of failed ones only, and what to do", async () => {
    const runner = new StepRunner(2);
    const good = { name: "good", command: node("console.log('quiet')") };
    const bad = { name: "bad", command: node("console.log('the cause'); process.exit(3)"), hint: "npm run fix" };
    await runner.run([bad, good]);
    expect(runner.failed).toEqual([bad]);
    const text = printed.join("\n").replaceAll(/\([\d.]+ s(, CPU [\d.]+ s)?\)/g, "(time)");
    expect(text).toBe("FAIL 1 of 2 bad (time)\n  the cause\n  To fix it: npm run fix\nok   2 of 2 good (time)");
  });

  it("collects what a step skipped, and takes lines on progress out of its output", async () => {
    const runner = new StepRunner(1);
    const code = `console.log('${SKIPPED}a part: it is missing'); console.log('${PROGRESS}1 of 2'); process.exit(1)`;
    await runner.run([{ name: "half", command: node(code) }]);
    expect(runner.skips).toEqual(["half: a part: it is missing"]);
    expect(printed.join("\n")).not.toContain("1 of 2");
  });
});
