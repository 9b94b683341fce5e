import { expect, it } from "vitest";
import { SharedTimeSlice } from "../../src/federation/inbound/shared-time-slice.ts";

/** Occupies the event loop. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

it("is used up by many loops together, so that the number of loops does not make the turns of the event loop longer", async () => {
  const slice = new SharedTimeSlice();
  const loops = 50;
  const steps = 4;
  let turns = 0;
  let isRunning = true;
  const count = (): void => {
    turns += 1;
    if (isRunning) setImmediate(count);
  };
  setImmediate(count);
  const run = async (): Promise<void> => {
    for (let step = 0; step < steps; step += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await slice.next();
      work(2);
    }
  };
  await Promise.all(Array.from({ length: loops }, run));
  isRunning = false;
  // 400 ms of work in slices of 8 ms. With a slice for each loop, there is one turn in 400 ms.
  expect(turns).toBeGreaterThan(20);
});
