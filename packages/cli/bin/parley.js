#!/usr/bin/env node
import { existsSync } from "node:fs";

const [major, minor] = process.versions.node.split(".").map(Number);

/**
 * In a clone of the repository that is not built, modules are missing.
 *
 * @param {Error & { readonly code?: string }} error
 */
function explain(error) {
  if (error.code !== "ERR_MODULE_NOT_FOUND" || !existsSync(new URL("../../../pnpm-workspace.yaml", import.meta.url))) throw error;
  console.error("parley is not built yet: run `npm run setup` and `npm run build` in the root of the repository");
  process.exitCode = 1;
}

if (major > 20 || (major === 20 && minor >= 19)) {
  await import("../dist/bin.js").catch(explain);
} else {
  console.error(`Parley needs Node 20.19 or newer; this is ${process.versions.node}`);
  process.exitCode = 1;
}
