// Which unit tests share a worker: for most of them, importing modules again for each file takes longer than the tests.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const repository = join(import.meta.dirname, "..", "..");

/** Packages whose modules keep no timers and no other state that a test could leave behind. */
const PACKAGES = ["core", "did", "vc", "didcomm-crypto", "mls-engine", "envelope-and-adapters"];

/** Text of a test that may change what later files see, or that measures the process: `vi`, `process`, globals and prototypes. */
const SHARED_STATE = /\bvi\b|(?<![.\w])process\.|\bglobalThis\b|\bprototype\b|\bgc\(|\bwarnOnce\b/;

/** Paths, from the root of the repository, of the unit tests that may run one after the other in one worker. */
export function pureTests(): string[] {
  return PACKAGES.flatMap((name) => {
    const folder = `packages/${name}/test`;
    return readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".test.ts") && !path.endsWith(".int.test.ts"))
      .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
      .filter((path) => !SHARED_STATE.test(readFileSync(join(repository, path), "utf8")));
  });
}
