import { fileURLToPath } from "node:url";
import { App } from "@parley/app-testing";
import { expect, it } from "vitest";

it("completes every step of the tour, and exits", async () => {
  await using tour = new App(fileURLToPath(new URL("../dist/main.js", import.meta.url)), [], {});
  const code = await tour.exit();
  expect(tour.lines.filter((line) => line.includes("✗"))).toEqual([]);
  expect(tour.lines.at(-1)).toMatch(/^(\d+) of \1 steps held\.$/);
  expect(code).toBe(0);
});
