import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as entry from "../src/index.ts";

/** The modules that a module loads at runtime, directly and indirectly, with the imports of each. */
function importsOf(path: string, seen = new Map<string, readonly string[]>()): Map<string, readonly string[]> {
  if (seen.has(path)) return seen;
  const source = readFileSync(path, "utf8");
  const found = [...source.matchAll(/^(?:import|export) (?!type )(?:[^;]*? from )?"([^"]+)";/gms)].flatMap((match) => match[1] ?? []);
  seen.set(path, found);
  for (const name of found) if (name.startsWith(".")) importsOf(new URL(name, `file://${path}`).pathname, seen);
  return seen;
}

test("the main entry imports no module of Node", () => {
  const modules = importsOf(new URL("../src/index.ts", import.meta.url).pathname);
  expect(modules.size).toBeGreaterThan(50);
  expect([...modules.values()].flat().filter((name) => name.startsWith("node:"))).toEqual([]);
});

test("only the folder ts-mls imports ts-mls", () => {
  const modules = importsOf(new URL("../src/index.ts", import.meta.url).pathname);
  const users = [...modules].filter(([, names]) => names.some((name) => name.startsWith("ts-mls"))).map(([path]) => path);
  expect(users.length).toBeGreaterThan(0);
  expect(users.filter((path) => !path.includes("/src/ts-mls/"))).toEqual([]);
});

test("the main entry exports these functions and classes", () => {
  expect(Object.keys(entry).toSorted()).toEqual([
    "MlsEngineError",
    "StoreError",
    "basicIdentity",
    "certificatesOf",
    "createCipherSuite",
    "createMlsEngine",
    "inspectMessage",
    "memoryStore",
    "unsafeAcceptAnyCredential",
  ]);
});
