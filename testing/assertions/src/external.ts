import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";

const BESIDE_THE_REPOSITORY = fileURLToPath(new URL("../../../../shared/vectors", import.meta.url));
const FOLDER = process.env["PARLEY_VECTORS"] ?? BESIDE_THE_REPOSITORY;

/** Published test vectors, which are kept outside of the repository. */
export interface Vectors {
  /** The parsed file; `undefined` if it isn't there. */
  readonly value: unknown;
  /** Why the tests with these vectors can't run: for {@link describeUnless}. `undefined` if they can. */
  readonly missing: string | undefined;
}

/** Reads a file of published test vectors by its path in the folder that `PARLEY_VECTORS` names. */
export function readVectors(name: string): Vectors {
  const path = join(FOLDER, name);
  if (existsSync(path)) return { value: JSON.parse(readFileSync(path, "utf8")), missing: undefined };
  return { value: undefined, missing: `missing file ${path}; set PARLEY_VECTORS to the folder that has ${name}` };
}

/** A suite that needs something from outside of the repository. Without it the suite is skipped, and its name gives the reason. */
export function describeUnless(missing: string | undefined, name: string, tests: () => void | Promise<void>): void {
  describe.skipIf(missing !== undefined)(missing === undefined ? name : `${name}: ${missing}`, async () => {
    await tests();
  });
}
