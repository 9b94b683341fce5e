import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { matches, readSteps, type Step } from "../src/index.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

type Command = Extract<Step, { kind: "command" }>;

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

/** Runs a command to its end, and compares its output. */
async function expectEnd({ command, output: expected }: Command): Promise<void> {
  const { child, output } = start(command);
  await once(child, "close");
  expect(child.exitCode, output.errors).toBe(0);
  expect(expected === undefined || matches(output.text, expected), `${output.text}\nis not\n${expected}`).toBe(true);
}

/** Starts a command that keeps running: servers until they are ready, a program until it has printed what the page shows. */
async function expectStart({ command, output: expected }: Command): Promise<void> {
  const running = start(command);
  background.push(running);
  const { child, output } = running;
  const isReady = (): boolean => (expected === undefined ? output.errors.includes("Ready.") : matches(output.text, expected));
  await expect.poll(() => isReady() || child.exitCode !== null, { timeout: 120_000 }).toBe(true);
  expect(isReady(), `${command}\n${output.text}${output.errors}`).toBe(true);
}

function follow(step: Step): Promise<void> {
  if (step.kind === "file") return writeFile(join(folder, step.name), step.content);
  return step.inBackground ? expectStart(step) : expectEnd(step);
}

describe("the start page", () => {
  it("leads to two agents and an encrypted channel, with the output that it shows", { timeout: 300_000 }, async () => {
    const steps = readSteps(await readFile(join(REPOSITORY, "docs/start.md"), "utf8"));
    expect(steps.filter(({ kind }) => kind === "file")).toHaveLength(4);
    for (const step of steps) await follow(step);
    const alice = background.at(-1);
    if (alice?.child.exitCode === null) await once(alice.child, "exit");
    expect(alice?.output.text).toContain("bob: Hello, Alice!");
  });
});
