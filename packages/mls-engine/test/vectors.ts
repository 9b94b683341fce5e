import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";

/** The folder with the vectors of the MLS working group: `PARLEY_VECTORS`, or `shared/vectors` beside the repository. */
const FOLDER = join(process.env["PARLEY_VECTORS"] ?? new URL("../../../../shared/vectors", import.meta.url).pathname, "mls");

/** Tests with one file of vectors; where the file isn't there, a skipped test says so. */
export function describeVectors<T>(name: string, tests: (cases: readonly T[]) => void): void {
  const path = join(FOLDER, `${name}.json`);
  if (existsSync(path)) {
    describe(`vectors ${name}`, () => tests(JSON.parse(readFileSync(path, "utf8")) as T[]));
  } else {
    describe(`vectors ${name}`, () => {
      it.skip(`SKIPPED: there is no ${name}.json; set PARLEY_VECTORS to the folder that holds mls/`, () => {});
    });
  }
}

export function fromHex(hex: string): Uint8Array {
  if (hex.length % 2 !== 0 || /[^0-9a-f]/i.test(hex)) throw new TypeError("Not hexadecimal");
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
