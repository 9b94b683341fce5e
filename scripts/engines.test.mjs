import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { checkEngines } from "./engines.mjs";

const PROMISED = { node: "^20.19.0 || >=22.12.0" };

/** A workspace with one package, `server`, which depends on `http`, which depends on `cookie`. */
function problems({ engines = PROMISED, cookie = {}, overrides = "", dependencies = {} }) {
  const root = mkdtempSync(join(tmpdir(), "engines-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const write = (path, content) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
  };
  const modules = "packages/server/node_modules";
  write("pnpm-workspace.yaml", `packages:\n  - packages/*\n${overrides}\ncatalog:\n  zod: 1.0.0\n`);
  write("packages/server/package.json", { name: "server", engines, dependencies: { http: "1.0.0", ...dependencies } });
  write(`${modules}/http/package.json`, { name: "http", version: "1.0.0", dependencies: { cookie: "^2.0.0" } });
  write(`${modules}/cookie/package.json`, { name: "cookie", version: "2.0.2", ...cookie });
  return checkEngines(root).problems;
}

it.each([">=18", "^20.19.0 || >=22.12.0", "18 || 20 || >=22", undefined])("accepts a dependency that needs Node %s", (node) => {
  expect(problems({ cookie: { engines: { node } } })).toEqual([]);
});

it.each([">=22", "^20.19.0", ">=20.20", "20 || 22 || 24"])("reports a dependency of a dependency that needs Node %s", (node) => {
  expect(problems({ cookie: { engines: { node } } })).toEqual([
    `server → http → cookie 2.0.2 needs Node ${node}, but server promises ${PROMISED.node}. Choose another version.`,
  ]);
});

it("reports an override that users don't get", () => {
  const overrides = "overrides:\n  cookie: 2.0.2\n";
  expect(problems({ overrides })).toEqual([
    'server → http → cookie is overridden here, which users don\'t get. Add "cookie": "2.0.2" to the dependencies.',
  ]);
  expect(problems({ overrides, dependencies: { cookie: "2.0.2" } })).toEqual([]);
});

it("reports a package that promises nothing", () => {
  expect(problems({ engines: {} })).toEqual(['server has no "engines". Copy those of another package.']);
});
