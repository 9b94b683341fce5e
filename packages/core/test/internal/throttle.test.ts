import { expect, it } from "vitest";
import { Throttle } from "../../src/internal/throttle.ts";

it("runs a task once in an interval, and reports the number of omitted calls", () => {
  let now = 0;
  const ran: number[] = [];
  const throttle = new Throttle(1000, () => now);
  for (now = 0; now <= 2000; now += 250) throttle.run((omitted) => ran.push(omitted));
  expect(ran).toEqual([0, 3, 3]);
});
