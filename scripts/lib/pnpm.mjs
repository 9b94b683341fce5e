// The pinned pnpm, for scripts that run before anything is installed: they use Node alone.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { childEnvironment, runProgram } from "./run-program.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs pnpm in the root of this repository. Resolves with its exit code. */
export function pnpm(args) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const [, version] = packageManager.split("@");
  const installed = installedPnpm(version);
  // npx hands its own log level on, with which pnpm would not show its progress. The pinned version needs no notice of newer ones.
  const env = { ...childEnvironment(), npm_config_loglevel: "info", npm_config_update_notifier: "false" };
  const options = { cwd: root, env };
  if (installed !== undefined) return runProgram(process.execPath, [installed, ...args], options);
  const windows = process.platform === "win32";
  return runProgram(windows ? "npx.cmd" : "npx", ["-y", "--loglevel=error", `pnpm@${version}`, "--loglevel=info", ...args], {
    ...options,
    shell: windows,
  });
}

/** The pinned pnpm in node_modules, which starts a second faster than npx; undefined if it isn't there. */
function installedPnpm(version) {
  const folder = join(root, "node_modules", "pnpm");
  const manifest = join(folder, "package.json");
  if (!existsSync(manifest) || JSON.parse(readFileSync(manifest, "utf8")).version !== version) return undefined;
  return join(folder, "bin", "pnpm.cjs");
}
