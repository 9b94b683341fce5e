import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/** The folder with the vectors of the MLS working group: `PARLEY_VECTORS`, or `shared/vectors` beside the repository. */
const FOLDER = join(process.env["PARLEY_VECTORS"] ?? new URL("../../../../shared/vectors", import.meta.url).pathname, "mls");

/** Tests with the cases of one file of vectors; where the file isn't there they are skipped, by a name that says so. */
export function describeVectors(name: string, tests: (cases: readonly unknown[]) => void): void {
  const path = join(FOLDER, `${name}.json`);
  const cases = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as readonly unknown[]) : [];
  const absent = cases.length === 0;
  const title = absent ? `SKIPPED, there is no ${name}.json: set PARLEY_VECTORS to the folder that holds mls/` : `vectors ${name}`;
  describe.skipIf(absent)(title, () => {
    it("are there", () => {
      expect(cases).not.toHaveLength(0);
    });
    tests(cases);
  });
}

export function fromHex(hex: string): Uint8Array {
  if (hex.length % 2 !== 0 || /[^0-9a-f]/i.test(hex)) throw new TypeError("Not hexadecimal");
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
