// Runs programs in the foreground: they share the terminal, and Ctrl-C goes to them.
import { spawn } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { constants as system, homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Runs a program with this process's terminal. Resolves with its exit code, or with 128 and the signal's number. Ctrl-C reaches the
 * program itself; this process waits for its end.
 */
export function runProgram(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", ...options });
    const waitOn = () => undefined;
    const passOn = () => child.kill("SIGTERM");
    process.on("SIGINT", waitOn).on("SIGTERM", passOn);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      process.off("SIGINT", waitOn).off("SIGTERM", passOn);
      resolve(code ?? 128 + (system.signals[signal] ?? 0));
    });
  });
}

/** The environment for npm and pnpm: where the home directory can't be written, their caches go to `.cache` of this repository. */
export function childEnvironment() {
  if (isWritable(homedir())) return process.env;
  const home = fileURLToPath(new URL("../../.cache/home", import.meta.url));
  mkdirSync(home, { recursive: true });
  console.log(`${homedir()} can't be written; the caches of npm and pnpm go to .cache/home`);
  return { ...process.env, HOME: home, USERPROFILE: home, npm_config_cache: join(home, "npm") };
}

function isWritable(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
