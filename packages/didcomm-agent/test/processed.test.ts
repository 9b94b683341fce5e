import { describe, expect, it } from "vitest";

import { FINISHED, Processed } from "../src/processed.ts";
import { plaintext } from "./support.ts";

function remembered(processed: Processed, keys: readonly string[]): number {
  return keys.filter((key) => processed.get(key) !== undefined).length;
}

describe("Processed", () => {
  it("keeps the most recent messages, between half of its capacity and all of it", () => {
    for (const capacity of [1, 2, 3, 10, 101]) {
      const processed = new Processed(capacity);
      const keys: string[] = [];
      for (let index = 0; index < 5 * capacity; index++) {
        keys.push(`${index}`);
        processed.add(`${index}`, FINISHED);
        const half = Math.ceil(capacity / 2);
        expect(remembered(processed, keys.slice(-half))).toBe(Math.min(half, keys.length));
        expect(remembered(processed, keys)).toBeLessThanOrEqual(2 * half);
      }
    }
  });

  it("replaces the record of a message, such as a kept reply", () => {
    const processed = new Processed(4);
    const reply = { ...plaintext(), to: [], body: {} } as never;
    processed.add("a", { outcome: FINISHED.outcome, reply });
    for (const key of ["b", "c"]) processed.add(key, FINISHED);
    expect(processed.get("a")?.reply).toBe(reply);
    processed.add("a", FINISHED);
    expect(processed.get("a")?.reply).toBeUndefined();
  });
});
