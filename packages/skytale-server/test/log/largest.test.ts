import fc from "fast-check";
import { expect, it } from "vitest";
import { Largest } from "../../src/log/largest.ts";

it("finds an owner of the largest number after any changes, and none when all are 0", () => {
  const changes = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 10 })), { maxLength: 200 });
  fc.assert(
    fc.property(changes, (all) => {
      const largest = new Largest<number>();
      const values = new Map<number, number>();
      for (const [id, value] of all) {
        largest.set(id, value);
        values.set(id, value);
        const most = Math.max(...values.values());
        const found = largest.id === undefined ? 0 : values.get(largest.id);
        expect(found).toBe(most);
      }
    }),
  );
});
