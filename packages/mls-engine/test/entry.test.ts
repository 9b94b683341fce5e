import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as entry from "../src/index.ts";

/** What a module imports at runtime, and everything below it. */
function importsOf(path: string, seen = new Map<string, readonly string[]>()): Map<string, readonly string[]> {
  if (seen.has(path)) return seen;
  const source = readFileSync(path, "utf8");
  const found = [...source.matchAll(/^(?:import|export) (?!type )(?:[^;]*? from )?"([^"]+)";/gms)].flatMap((match) => match[1] ?? []);
  seen.set(path, found);
  for (const name of found) if (name.startsWith(".")) importsOf(new URL(name, `file://${path}`).pathname, seen);
  return seen;
}

test("the main entry works where there is no Node", () => {
  const modules = importsOf(new URL("../src/index.ts", import.meta.url).pathname);
  expect(modules.size).toBeGreaterThan(50);
  expect([...modules.values()].flat().filter((name) => name.startsWith("node:"))).toEqual([]);
});

test("only the cryptography, the key schedule and joining import ts-mls", () => {
  const modules = importsOf(new URL("../src/index.ts", import.meta.url).pathname);
  const users = [...modules].filter(([, names]) => names.some((name) => name.startsWith("ts-mls"))).map(([path]) => path);
  expect(users.length).toBeGreaterThan(0);
  expect(users.filter((path) => !/\/src\/(crypto|join|key-schedule)\//.test(path))).toEqual([]);
});

test("the main entry offers these functions and classes", () => {
  expect(Object.keys(entry).toSorted()).toEqual([
    "MlsError",
    "StoreError",
    "basicCredential",
    "basicIdentity",
    "certificatesOf",
    "cipherSuites",
    "createCrypto",
    "createMlsEngine",
    "createWebCrypto",
    "inspectMessage",
    "memoryStore",
    "unsafeAcceptAnyCredential",
  ]);
});
