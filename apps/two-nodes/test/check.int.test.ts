import { fileURLToPath } from "node:url";
import { App } from "@parley/app-testing";
import { expect, it } from "vitest";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

it("sends across two nodes, kills both, and finds everything there once", { timeout: 120_000 }, async () => {
  await using app = new App(main, [], {});
  const code = await app.exit();
  expect(app.lines.join("\n")).toContain("nothing lost, nothing doubled, in order");
  expect(code).toBe(0);
});
