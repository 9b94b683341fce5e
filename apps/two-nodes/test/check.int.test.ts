import { fileURLToPath } from "node:url";
import { App } from "@parley/app-testing";
import { expect, it } from "vitest";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

it("delivers each message across two nodes exactly once, although both are killed", { timeout: 120_000 }, async () => {
  await using app = new App(main, [], {});
  const code = await app.exit();
  expect(app.lines.join("\n")).toContain("all notes handled exactly once, in order");
  expect(code).toBe(0);
});
