import { describeUnless, readVectors } from "@parley/test-assertions";
import { expect, it } from "vitest";

/** Tests with the cases of one file of the MLS working group's vectors. */
export function describeVectors(name: string, tests: (cases: readonly unknown[]) => void): void {
  const { value, missing } = readVectors(`mls/${name}.json`);
  const cases = (value ?? []) as readonly unknown[];
  describeUnless(missing, `vectors ${name}`, () => {
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
