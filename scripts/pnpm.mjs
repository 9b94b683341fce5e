// Runs the pinned pnpm on a machine that has only Node and npm.
// `boot <script>` installs first when node_modules is missing or older than the lockfile.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";

const root = new URL("..", import.meta.url);
const { packageManager } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
const pinned = packageManager.split("+")[0];

function run(args) {
  const result = spawnSync("npx", ["-y", "--loglevel=error", pinned, ...args], {
    stdio: "inherit",
    cwd: root,
    shell: process.platform === "win32",
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function installIsStale() {
  const marker = new URL("node_modules/.modules.yaml", root);
  if (!existsSync(marker)) return true;
  return statSync(new URL("pnpm-lock.yaml", root)).mtimeMs > statSync(marker).mtimeMs;
}

const [command, ...rest] = process.argv.slice(2);
if (command === "boot") {
  if (installIsStale()) run(["install", "--frozen-lockfile"]);
  run(["--silent", "run", ...rest]);
} else {
  run([command, ...rest]);
}
