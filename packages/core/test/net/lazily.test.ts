import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { lazily } from "../../src/net/lazily.ts";

const directory = mkdtempSync(join(tmpdir(), "lazily-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("lazily", () => {
  it("loads on the first call, and once", async () => {
    let loads = 0;
    const load = lazily(async () => {
      loads += 1;
      return {};
    });
    expect(loads).toBe(0);
    const [first, second] = [load(), load()];
    expect(first).toBe(second);
    expect(await first).toBe(await second);
    expect(loads).toBe(1);
  });

  // As pnpm installs packages. Without the precaution, Node 20 does not find the dependency.
  it("finds the dependencies of a linked package after a stat of a socket", { timeout: 60_000 }, () => {
    const store = join(directory, "store", "node_modules");
    for (const name of ["linked", "dependency"]) mkdirSync(join(store, name), { recursive: true });
    writeFileSync(join(store, "linked", "index.mjs"), 'export { text } from "dependency";');
    writeFileSync(join(store, "linked", "package.json"), '{ "exports": "./index.mjs" }');
    writeFileSync(join(store, "dependency", "index.mjs"), 'export const text = "found";');
    writeFileSync(join(store, "dependency", "package.json"), '{ "exports": "./index.mjs" }');
    mkdirSync(join(directory, "node_modules"));
    symlinkSync(join(store, "linked"), join(directory, "node_modules", "linked"), "dir");
    writeFileSync(
      join(directory, "program.mjs"),
      `import { stat } from "node:fs";
import { createServer } from "node:net";
import { lazily } from ${JSON.stringify(new URL("../../dist/net/lazily.js", import.meta.url).href)};
const load = lazily(() => import("linked"));
const server = createServer().listen("socket", () => {
  stat("socket", () => {
    load().then(({ text }) => console.log(text)).finally(() => server.close());
  });
});`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, ["program.mjs"], { cwd: directory, encoding: "utf8", timeout: 30_000 });
    expect(stdout + stderr).toBe("found\n");
  });
});
