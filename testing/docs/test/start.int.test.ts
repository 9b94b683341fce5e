import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { matches, readSteps, type Step } from "../src/index.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/** A running command with what it has printed. */
interface Running {
  readonly child: ChildProcess;
  readonly output: { text: string; errors: string };
}

let folder: string;
const background: Running[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-start-"));
  // What a clone has: the page's programs are saved in its root.
  for (const name of ["packages", "node_modules"]) await symlink(join(REPOSITORY, name), join(folder, name));
});

afterEach(async () => {
  for (const { child } of background.splice(0).toReversed()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGINT");
    await once(child, "exit");
  }
  await rm(folder, { recursive: true, force: true });
});

function start(command: string): Running {
  // Other tests may use the ordinary ports.
  const line = command.replace(/parley\.js dev$/, "parley.js dev --free-ports");
  const [program = "", ...args] = line.split(" ");
  const child = spawn(program === "node" ? process.execPath : program, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const output = { text: "", errors: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.text += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.errors += text));
  return { child, output };
}

/** Follows one step of the page: saves a file, or runs a command and compares its output. */
async function expectStep(step: Step): Promise<void> {
  if (step.kind === "file") {
    await writeFile(join(folder, step.name), step.content);
    return;
  }
  const { command, inBackground, output: expected } = step;
  const running = start(command);
  const { child, output } = running;
  if (inBackground) {
    background.push(running);
    // Servers print what they offer, and then that they are ready; a program prints what the page shows.
    const isReady = (): boolean => (expected === undefined ? output.errors.includes("Ready.") : matches(output.text, expected));
    await expect.poll(() => isReady() || child.exitCode !== null, { timeout: 120_000 }).toBe(true);
    expect(isReady(), `${command}\n${output.text}${output.errors}`).toBe(true);
    return;
  }
  await once(child, "close");
  expect(child.exitCode, output.errors).toBe(0);
  if (expected !== undefined) expect(matches(output.text, expected), `${output.text}\nis not\n${expected}`).toBe(true);
}

describe("the start page", () => {
  it("leads to two agents and an encrypted channel, with the output that it shows", { timeout: 300_000 }, async () => {
    const steps = readSteps(await readFile(join(REPOSITORY, "docs/start.md"), "utf8"));
    expect(steps.filter(({ kind }) => kind === "file")).toHaveLength(4);
    for (const step of steps) await expectStep(step);
    const alice = background.at(-1);
    if (alice?.child.exitCode === null) await once(alice.child, "exit");
    expect(alice?.output.text).toContain("bob: Hello, Alice!");
  });
});
