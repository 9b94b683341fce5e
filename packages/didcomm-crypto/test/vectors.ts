import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const beside = fileURLToPath(new URL("../../../../shared/vectors", import.meta.url));
const folder = process.env["PARLEY_VECTORS"] ?? beside;

/** Reads a file of published test vectors, which lie outside the repository; `undefined`, and a warning, if it is not there. */
export function readVectors(name: string): unknown {
  const path = join(folder, name);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8"));
  process.emitWarning(`TEST VECTORS ARE MISSING: ${path}. Tests against ${name} are skipped; point PARLEY_VECTORS at their folder.`);
  return undefined;
}
