import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Bundles the page, so that a test doesn't depend on a build. */
export function buildConsole(): void {
  execFileSync(process.execPath, [fileURLToPath(new URL("../../../scripts/console.mjs", import.meta.url))]);
}
