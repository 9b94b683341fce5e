import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bundleProgram } from "@parley/test-assertions";

/** The command, as it is installed. */
export const bin: string = fileURLToPath(new URL("../../bin/skytale-server.js", import.meta.url));
/** What it loads for everything but help and version, which starts faster as a bundle. */
const program = await bundleProgram(fileURLToPath(new URL("../../dist/bin.js", import.meta.url)));
const execute = promisify(execFile);

/** The command, running. */
export interface RunningCommand {
  /** What it printed, by name. */
  readonly printed: Readonly<Record<string, string>>;
  /** Ends it. Resolves with its exit code; `null` where a signal killed it. */
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

/** Starts a server and waits until it has printed what its agents need: each of the names. */
export async function startCommand(args: readonly string[], names: readonly string[]): Promise<RunningCommand> {
  const child: ChildProcess = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  const closed = once(child, "close") as Promise<[number | null]>;
  const printed: Record<string, string> = {};
  if (child.stdout === null) throw new Error("The command has no output");
  for await (const line of createInterface({ input: child.stdout })) {
    const [name = "", value = ""] = line.split(/=(.*)/s);
    printed[name] = value;
    if (names.every((expected) => expected in printed)) break;
  }
  if (!names.every((expected) => expected in printed)) throw new Error(`The command ended with ${(await closed)[0]}`);
  child.stdout.resume();
  return {
    printed,
    stop: async (signal) => {
      child.kill(signal);
      return (await closed)[0];
    },
  };
}

/** Runs the command to its end. */
export async function runCommand(...args: string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  try {
    return { code: 0, ...(await execute(process.execPath, [/^--(help|version)$/.test(args[0] ?? "") ? bin : program, ...args])) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}
