import fc from "fast-check";
import { expect, it } from "vitest";
import { KeyTable } from "../../src/log/key-table.ts";
import { keyId } from "../../src/log/key-window.ts";

it("a table of keys does what a Map does", () => {
  // Few different characters, so that ids share their beginnings and land in one place.
  const id = fc.array(fc.constantFrom("\0", "\xff", "a"), { minLength: 16, maxLength: 16 }).map((bytes) => bytes.join(""));
  const entries = fc.array(fc.tuple(id, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })), { maxLength: 300 });
  fc.assert(
    fc.property(entries, fc.array(id), (set, others) => {
      const table = new KeyTable();
      const map = new Map<string, number>();
      for (const [key, sequence] of set) {
        table.set(key, sequence);
        map.set(key, sequence);
      }
      expect(table.size).toBe(map.size);
      for (const key of [...map.keys(), ...others]) expect(table.get(key)).toBe(map.get(key));
    }),
  );
});

it("ids differ by channel, publisher and key", () => {
  const ids = [keyId(1, "ab", "c"), keyId(1, "a", "bc"), keyId(11, "ab", "c"), keyId(1, "ab", "c "), keyId("1", "ab", "c\u00ff")];
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.every((id) => id.length === 16)).toBe(true);
});
