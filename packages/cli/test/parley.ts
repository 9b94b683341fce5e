import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deferred } from "@parley/core/internal";
import { bundleProgram } from "@parley/test-assertions";
import { CONTEXT_VARIABLES } from "../src/settings/contexts.ts";

/** The command, as it is installed. */
export const BIN: string = fileURLToPath(new URL("../bin/parley.js", import.meta.url));
/** What it loads, which starts faster as a bundle. */
const program = await bundleProgram(fileURLToPath(new URL("../dist/bin.js", import.meta.url)));

/** Variables of a developer's shell that would change results. */
const REMOVED: ReadonlySet<string> = new Set(CONTEXT_VARIABLES);

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
  /** Waits for a text on standard output or standard error. */
  saw(text: string): Promise<void>;
}

/** A temporary working directory whose commands end with it. */
export class Workplace {
  readonly path: string;
  readonly #running: Running[] = [];

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Workplace> {
    return new Workplace(await mkdtemp(join(tmpdir(), "parley-cli-")));
  }

  /** Starts the command in this directory, with a home directory of its own. */
  start(args: readonly string[], { env = {}, input }: { readonly env?: Record<string, string>; readonly input?: string } = {}): Running {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !REMOVED.has(name)));
    const child = spawn(process.execPath, [program, ...args], {
      cwd: this.path,
      env: { ...inherited, HOME: this.path, XDG_CONFIG_HOME: join(this.path, "config"), ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const ended = (once(child, "close") as Promise<[number | null]>).then(([code]) => ({ code, stdout: out, stderr: err }));
    const running: Running = {
      child,
      stdout: () => out,
      stderr: () => err,
      ended,
      saw: (text) => seen(child, text, () => `${out}${err}`),
    };
    this.#running.push(running);
    return running;
  }

  /** Runs the command to its end. */
  run(args: readonly string[], options?: Parameters<Workplace["start"]>[1]): Promise<Ended> {
    return this.start(args, options).ended;
  }

  /** Starts `parley dev` on free ports and waits until it is ready. */
  async dev(...args: readonly string[]): Promise<Running & { readonly environment: Record<string, string> }> {
    const running = this.start(["dev", "--free-ports", ...args]);
    await running.saw("Ready.");
    const lines = running.stdout().split("\n");
    const found = lines.flatMap((line) => {
      const [, name, value] = /^((?:LAYR8|SKYTALE)_\w+)=(.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, value ?? ""] as const];
    });
    return { ...running, environment: Object.fromEntries(found) };
  }

  /** Stops all commands and removes the directory. */
  async remove(): Promise<void> {
    for (const { child, ended } of this.#running) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    }
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Resolves when the output has a text. @throws Error when the command ends without it */
function seen(child: ChildProcessWithoutNullStreams, text: string, output: () => string): Promise<void> {
  const { promise, resolve, reject } = deferred<void>();
  const look = (): void => {
    if (output().includes(text)) resolve();
  };
  const end = (): void => reject(new Error(`The command ended without "${text}": ${output()}`));
  child.stdout.on("data", look);
  child.stderr.on("data", look);
  child.once("close", end);
  look();
  if (child.exitCode !== null && child.stdout.readableEnded && child.stderr.readableEnded) end();
  return promise.finally(() => {
    child.stdout.off("data", look);
    child.stderr.off("data", look);
    child.off("close", end);
  });
}
