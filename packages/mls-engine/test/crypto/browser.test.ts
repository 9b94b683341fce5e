import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** The modules that are loaded with a file, types aside, and what they import from elsewhere. */
function importsFrom(start: URL): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: URL): void => {
    if (files.has(file.href)) return;
    files.add(file.href);
    const statements = readFileSync(file, "utf8").matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"/gm);
    for (const [, from, bare] of statements) {
      const name = from ?? bare ?? "";
      if (name.startsWith(".")) visit(new URL(name, file));
      else packages.add(name);
    }
  };
  visit(start);
  return { files, packages };
}

it("the main entry loads no module of Node, so browsers can load it", () => {
  const { files, packages } = importsFrom(new URL("../../src/index.ts", import.meta.url));
  expect(files.size).toBeGreaterThan(20);
  expect([...packages].filter((name) => name.startsWith("node:"))).toEqual([]);
  expect(packages).toContain("@noble/curves/ed25519.js");
});

it("the entry for Node loads node:crypto, so the check above can see it", () => {
  expect(importsFrom(new URL("../../src/node/index.ts", import.meta.url)).packages).toContain("node:crypto");
});
