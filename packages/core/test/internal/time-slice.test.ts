import { expect, it } from "vitest";
import { TimeSlice } from "../../src/internal/index.ts";

it("serves other work between the slices of a long computation", async () => {
  let served = 0;
  const immediate = setImmediate(() => (served += 1));
  const slice = new TimeSlice();
  let steps = 0;
  // oxlint-disable-next-line no-unmodified-loop-condition -- a callback changes it
  while (served === 0) {
    steps += 1;
    if (slice.isOver) await slice.next();
  }
  clearImmediate(immediate);
  expect(steps).toBeGreaterThan(0);
});
