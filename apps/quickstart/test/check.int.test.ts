import { fileURLToPath } from "node:url";
import { App } from "@parley/app-testing";
import { describeUnless, gateOrSoak } from "@parley/test-assertions";
import { missingNats } from "@parley/test-nats";
import { expect, it } from "vitest";

const TIMEOUT_MS = 900_000;
const COMPLETE = { failed: [], summary: expect.stringMatching(/^(\d+) of \1 steps held\.$/) as string, code: 0 };

/** Runs a program to its end. */
async function run(program: string): Promise<object> {
  await using tour = new App(fileURLToPath(new URL(`../dist/${program}.js`, import.meta.url)), [], {});
  const code = await tour.exit();
  return { failed: tour.lines.filter((line) => line.includes("✗")), summary: tour.lines.at(-1), code };
}

it("completes every step of the tour, and exits", async () => {
  expect(await run("main")).toEqual(COMPLETE);
});

// The gate kills the same servers in testing/cluster.
for (const program of gateOrSoak(0, 1) === 1 ? ["cluster"] : []) {
  describeUnless(missingNats(3), `npm run ${program}`, () => {
    it("completes every step while servers are killed", { timeout: TIMEOUT_MS }, async () => {
      expect(await run(program)).toEqual(COMPLETE);
    });
  });
}
