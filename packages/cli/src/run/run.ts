import { spawn } from "node:child_process";
import { constants } from "node:os";
import { systemCode, systemReason } from "@parley/core/internal";
import type { Runtime } from "../command/runtime.ts";
import { findDevState, isRunning } from "../dev/dev-state.ts";
import { CliError, EXIT } from "../cli-error.ts";

/** Options of `parley run`. */
interface RunOptions {
  readonly data?: string;
}

/** Exit codes of shells for a command that doesn't exist, and for one that can't be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** Shells report a signal as this number and the signal's. */
const SIGNAL_BASE = 128;

/**
 * Runs a command with the environment of the running `parley dev`.
 *
 * @returns the command's exit code, or 128 and the number of the signal that ended it.
 * @throws CliError `dev_not_running` (exit 5)
 */
export async function run({ environment }: Runtime, { data }: RunOptions, words: readonly string[]): Promise<number> {
  const found = await findDevState(data);
  if (found === undefined || !(await isRunning(found))) {
    const where = data ?? "this directory or above it";
    const trace = found === undefined ? "" : ` (its last process, ${found.state.pid}, has ended or does not answer)`;
    throw new CliError("dev_not_running", `no parley dev runs in ${where}${trace}`, {
      exit: EXIT.unreachable,
      remedy: "start `parley dev` in another terminal",
    });
  }
  return execute(words, { ...environment, ...found.state.environment });
}

function execute([command = "", ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, args, { env, stdio: "inherit" });
  // A terminal sends SIGINT to the command, too: both are in its foreground group.
  process.on("SIGINT", () => {
    if (!process.stdin.isTTY) child.kill("SIGINT");
  });
  for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      const code = systemCode(error);
      if (code !== "ENOENT" && code !== "EACCES") return reject(error);
      process.stderr.write(`parley: ${command} cannot be run: ${systemReason(error)}\n`);
      resolve(code === "ENOENT" ? NOT_FOUND : NOT_EXECUTABLE);
    });
    child.once("close", (code, signal) => resolve(code ?? SIGNAL_BASE + (signal === null ? 0 : constants.signals[signal])));
  });
}
