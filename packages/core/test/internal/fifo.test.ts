import fc from "fast-check";
import { expect, it } from "vitest";
import { Fifo } from "../../src/internal/index.ts";

it("is what an array is", () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 400 }) }) },
    { weight: 5, arbitrary: fc.record({ shift: fc.integer({ min: 1, max: 400 }) }) },
    { weight: 1, arbitrary: fc.record({ retain: fc.integer({ min: 2, max: 5 }) }) },
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const fifo = new Fifo<number>();
      let model: number[] = [];
      let next = 0;
      for (const { push = 0, shift = 0, retain = 0 } of steps as { push?: number; shift?: number; retain?: number }[]) {
        for (let count = 0; count < push; count++) {
          fifo.push(++next);
          model.push(next);
        }
        for (let count = 0; count < shift; count++) expect(fifo.shift()).toBe(model.shift());
        if (retain > 0) {
          fifo.retain((item) => item % retain === 0);
          model = model.filter((item) => item % retain === 0);
        }
        expect([fifo.size, fifo.first()]).toEqual([model.length, model[0]]);
      }
    }),
  );
});
