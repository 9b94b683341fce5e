import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { checkBoundaries } from "./boundaries.mjs";

const roots = [];

/** Creates a workspace with these files in a temporary folder; values other than strings are written as JSON. */
function workspace(files) {
  const root = mkdtempSync(join(tmpdir(), "boundaries-"));
  roots.push(root);
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  }
  return root;
}

const manifest = (folder, dependencies = [], more = {}) => ({
  name: `@parley/${folder}`,
  dependencies: Object.fromEntries(dependencies.map((name) => [name, "*"])),
  ...more,
});

/** Violations of one source file in a package that has these dependencies. */
function violations(folder, source, { file = "src/index.ts", dependencies = [], name = `@parley/${folder}` } = {}) {
  return checkBoundaries(
    workspace({
      [`packages/${folder}/package.json`]: manifest(folder, dependencies, { name }),
      [`packages/${folder}/${file}`]: source,
    }),
  );
}

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

describe("package boundaries in package.json", () => {
  it("holds in a tree that follows the table", () => {
    const root = workspace({
      "packages/core/package.json": manifest("core"),
      "packages/core/src/index.ts": 'export const id = (): string => globalThis.crypto.randomUUID(); // fetch("node:fs")',
      "packages/layr8-node/package.json": manifest("layr8-node", ["@parley/core", "pino"]),
      "packages/layr8-node/src/index.ts": 'import { id } from "@parley/core";\nimport { open } from "pino";\nexport { open, id };',
      "packages/layr8-node/src/bin.ts": "console.log(process.env.PORT);",
      "packages/layr8-node/test/a.test.ts": 'import "@parley/compliance"; import "vitest"; process.env.PARLEY_VECTORS;',
      "packages/layr8/package.json": manifest("layr8", ["@parley/core"], { name: "layr8" }),
      "packages/layr8/src/env.ts": "export const url = process.env.LAYR8_NODE_URL;",
      "apps/demo/package.json": manifest("demo", ["@parley/layr8-node", "zod"], { private: true }),
      "apps/demo/src/main.ts": 'import "zod"; import "@parley/layr8-node"; console.log(process.env.HOME);',
      "testing/compliance/package.json": manifest("compliance", ["@parley/core", "vitest"], { private: true }),
      "testing/compliance/src/index.ts": 'import "@parley/core"; import "vitest"; console.log(process.env.PATH);',
    });
    expect(checkBoundaries(root)).toEqual([]);
  });

  it.each([
    ["a sibling that the table forbids", "didcomm-agent", ["@parley/transport-phoenix"], '"@parley/transport-phoenix" is not allowed'],
    ["a library that the table forbids", "didcomm-agent", ["lodash"], '"lodash" is not allowed'],
    ["any dependency of core", "core", ["ws"], "core may import nothing outside itself"],
    ["a package that is not in the table", "extras", [], 'Add "extras"'],
  ])("refuses %s", (_, folder, dependencies, message) => {
    const root = workspace({
      [`packages/${folder}/package.json`]: manifest(folder, dependencies),
      "packages/transport-phoenix/package.json": manifest("transport-phoenix"),
    });
    expect(checkBoundaries(root)).toEqual([expect.stringContaining(message)]);
  });

  it("refuses optional and peer dependencies alike", () => {
    const root = workspace({
      "packages/did/package.json": manifest("did", [], { peerDependencies: { a: "*" }, optionalDependencies: { b: "*" } }),
    });
    expect(checkBoundaries(root)).toEqual([expect.stringContaining('"b" is not allowed'), expect.stringContaining('"a" is not allowed')]);
  });

  it("names a cycle, through devDependencies too", () => {
    const root = workspace({
      "packages/core/package.json": manifest("core", [], { devDependencies: { "@parley/did": "*" } }),
      "packages/did/package.json": manifest("did", ["@parley/core"]),
    });
    expect(checkBoundaries(root)).toEqual([expect.stringContaining("core → did → core")]);
  });

  it("rejects every path from the relay to the MLS engine", () => {
    const root = workspace({
      "packages/core/package.json": manifest("core", ["@parley/mls-engine"]),
      "packages/mls-engine/package.json": manifest("mls-engine"),
      "packages/skytale-relay/package.json": manifest("skytale-relay", ["@parley/core"]),
    });
    expect(checkBoundaries(root)).toContainEqual(expect.stringContaining("skytale-relay → core → mls-engine"));
  });

  it("refuses a wrong name and an app that could be published", () => {
    const root = workspace({
      "packages/did/package.json": manifest("did", [], { name: "dids" }),
      "apps/demo/package.json": manifest("demo"),
    });
    expect(checkBoundaries(root)).toEqual([expect.stringContaining('must be "@parley/did"'), expect.stringContaining("private")]);
  });
});

describe("package boundaries in source files", () => {
  it.each([
    ["import", 'import { x } from "lodash";'],
    ["import of types", 'import type { X } from "lodash";'],
    ["import for effect", 'import "lodash/fp";'],
    ["re-export", 'export { x } from "lodash";'],
    ["dynamic import", 'await import("lodash");'],
    ["import type", 'export type X = import("lodash").X;'],
    ["require", 'require("lodash");'],
  ])("reports a forbidden %s", (_, source) => {
    expect(violations("did", source)).toEqual([expect.stringMatching(/^packages\/did\/src\/index\.ts:1: "lodash.*not allowed here/)]);
  });

  it("reports an allowed library that is not declared", () => {
    expect(violations("did", 'import "did-resolver";')).toEqual([expect.stringContaining("not in this package's dependencies")]);
    expect(violations("did", 'import "did-resolver";', { dependencies: ["did-resolver"] })).toEqual([]);
  });

  it.each([
    ["another package by path", 'import "../../core/src/index.ts";', "leaves the package"],
    ["itself by name", 'import "@parley/did";', "is this package itself"],
    ["a Node module without its scheme", 'import "fs/promises";', 'write "node:fs/promises"'],
  ])("refuses an import of %s", (_, source, message) => {
    expect(violations("did", source)).toEqual([expect.stringContaining(message)]);
  });

  it.each(['import "node:fs";', 'fetch("https://example.com");', 'new WebSocket("ws://localhost");', "globalThis.process.exit();"])(
    "rejects I/O in core: %s",
    (source) => {
      expect(violations("core", source)).toEqual([expect.stringContaining("core does no I/O")]);
    },
  );

  it("allows I/O of core in src/net only", () => {
    const options = { file: "src/net/index.ts" };
    expect(violations("core", 'import "node:http"; import "./connections.ts";', options)).toEqual([]);
    expect(violations("core", 'import "./net/index.ts";')).toEqual([expect.stringContaining("outside of src/net")]);
  });

  it.each([
    "process.env.KEY;",
    'process["env"];',
    "globalThis.process.env;",
    "const { env } = process;",
    'import { env } from "node:process";',
    'import process from "node:process"; process.env;',
  ])("refuses to read the environment: %s", (source) => {
    expect(violations("did", source)).toEqual([expect.stringContaining("Take the value as an option")]);
    expect(violations("layr8", source, { name: "layr8" })).toHaveLength(1);
    expect(violations("layr8", source, { name: "layr8", file: "src/env.ts" })).toEqual([]);
    expect(violations("did", source, { file: "src/cli/bin.ts" })).toEqual([]);
  });

  it("refuses to export a generated key as JWK, in tests too, and names the line", () => {
    const source = '\nconst { publicKey } = pair;\npublicKey.export({ format: "jwk" });';
    expect(violations("did", source, { file: "test/keys.test.ts" })).toEqual([
      expect.stringMatching(/^packages\/did\/test\/keys\.test\.ts:3: .*deadlocks Node 20/),
    ]);
    expect(violations("did", 'pair.publicKey.export({ "format": "jwk" });')).toHaveLength(1);
    expect(violations("did", 'pair.publicKey.export({ format: "der", type: "spki" });')).toEqual([]);
    expect(violations("did", 'imported.export({ format: "jwk" });')).toEqual([]);
  });
});

describe("import cycles", () => {
  it.each([
    ["imports", 'import { b } from "./b.ts";', 'import { a } from "./a.ts";'],
    ["imports of types", 'import type { B } from "./b.ts";', 'import { type A } from "./a.ts";'],
    ["re-exports and dynamic imports", 'export type { B } from "./b.ts";', 'await import("./a.ts");'],
  ])("rejects a cycle of %s", (_, a, b) => {
    const root = workspace({ "packages/did/package.json": manifest("did"), "packages/did/src/a.ts": a, "packages/did/src/b.ts": b });
    expect(checkBoundaries(root)).toEqual([
      expect.stringContaining("Import cycle: packages/did/src/a.ts → packages/did/src/b.ts → packages/did/src/a.ts"),
    ]);
  });

  it("rejects longer cycles and a file that imports itself, in apps and tests too", () => {
    const root = workspace({
      "apps/demo/package.json": manifest("demo", [], { private: true }),
      "apps/demo/src/main.ts": 'import "./one.ts";',
      "apps/demo/src/one.ts": 'import "./two.ts";',
      "apps/demo/src/two.ts": 'import "./main.ts";',
      "apps/demo/test/self.ts": 'import "./self.ts";',
    });
    expect(checkBoundaries(root)).toEqual([
      expect.stringContaining("main.ts → apps/demo/src/one.ts → apps/demo/src/two.ts → apps/demo/src/main.ts"),
      expect.stringContaining("apps/demo/test/self.ts → apps/demo/test/self.ts"),
    ]);
  });

  it("allows two paths to one file", () => {
    const root = workspace({
      "packages/did/package.json": manifest("did"),
      "packages/did/src/a.ts": 'import "./b.ts"; import "./c.ts";',
      "packages/did/src/b.ts": 'import "./c.ts";',
      "packages/did/src/c.ts": "export const c = 1;",
    });
    expect(checkBoundaries(root)).toEqual([]);
  });
});

describe("names of public classes", () => {
  const exports = { ".": { "@parley/source": "./src/index.ts" } };
  const reExport = 'export { LinkError } from "./errors.ts";';
  const twoPackages = (index, errors, more = {}) =>
    workspace({
      "packages/did/package.json": manifest("did", [], { exports }),
      "packages/did/src/index.ts": "export class LinkError extends Error {}",
      "packages/vc/package.json": manifest("vc", ["@parley/did"], { exports }),
      "packages/vc/src/index.ts": index,
      "packages/vc/src/errors.ts": errors,
      ...more,
    });

  it.each([
    ["declared", "export class LinkError extends Error {}", ""],
    ["re-exported", reExport, "export class LinkError extends Error {}"],
    ["re-exported under another name", 'export { Other as LinkError } from "./errors.ts";', "export class Other extends Error {}"],
    ["declared, then exported", reExport, "class LinkError extends Error {}\nexport { LinkError };"],
  ])("rejects a second class of one name that is %s", (_, index, errors) => {
    expect(checkBoundaries(twoPackages(index, errors))).toEqual([
      expect.stringContaining("Two public classes are named LinkError: packages/did/src/index.ts and packages/vc/src/"),
    ]);
  });

  it.each([
    ["the other package's class", 'export { LinkError } from "@parley/did";', ""],
    ["a type", 'export type { LinkError } from "./errors.ts";', "export class LinkError extends Error {}"],
    ["an interface", reExport, "export interface LinkError {}"],
  ])("allows a second package to export %s", (_, index, errors) => {
    expect(checkBoundaries(twoPackages(index, errors))).toEqual([]);
  });

  it("allows a class of a meta package to have the name of the class that it extends", () => {
    const root = workspace({
      "packages/did/package.json": manifest("did", [], { exports }),
      "packages/did/src/index.ts": "export class Client {}",
      "packages/layr8/package.json": manifest("layr8", ["@parley/did"], { name: "layr8", exports }),
      "packages/layr8/src/index.ts": 'import { Client as Base } from "@parley/did"; export class Client extends Base {}',
    });
    expect(checkBoundaries(root)).toEqual([]);
  });
});
