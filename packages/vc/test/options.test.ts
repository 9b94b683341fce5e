import { readdirSync, readFileSync } from "node:fs";
import { rejectionOf, thrownBy } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import {
  signCredential,
  signPresentation,
  createStatusListFetch,
  StatusListCache,
  verifyCredential,
  verifyPresentation,
  type VerifyOptions,
} from "../src/index.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "./parties.ts";

const issuer = makeParty("issuer");
const resolver = resolverOf(issuer);
const { key } = issuer;
const credential = credentialFor(issuer, "did:x:subject");
const signed = await signCredential(credential, { key, now: () => NOW });

describe("an option value that would disable a check", () => {
  it.each<[string, Partial<VerifyOptions>]>([
    ["a tolerance that is not a number", { clockToleranceMs: Number.NaN }],
    ["a tolerance without end", { clockToleranceMs: Infinity }],
    ["a negative tolerance", { clockToleranceMs: -1 }],
    ["a clock that gives no number", { now: () => Number.NaN }],
    ["a limit that is not a number", { limits: { maxCredentials: Number.NaN } }],
    ["an unknown limit", { limits: { maxCredential: 1 } as object }],
    ["a limit that is absent", { limits: { maxCredentialLength: undefined as never } }],
    ["a timeout that is not a number", { statusTimeoutMs: Number.NaN }],
    ["no resolver", { resolver: undefined as never }],
  ])("throws a TypeError: %s", async (_, options) => {
    expect(await rejectionOf(verifyCredential(signed, { resolver, now: () => NOW, ...options }))).toBeInstanceOf(TypeError);
    expect(await rejectionOf(verifyPresentation(signed, { resolver, now: () => NOW, ...options }))).toBeInstanceOf(TypeError);
  });

  it("throws a TypeError when signing and caching too", async () => {
    expect(await rejectionOf(signCredential(credential, { key, now: () => Number.NaN }))).toBeInstanceOf(TypeError);
    const options = { holder: issuer.did, key, lifetimeMs: Number.NaN };
    expect(await rejectionOf(signPresentation([], options))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => new StatusListCache({ maxAgeMs: Number.NaN }))).toBeInstanceOf(TypeError);
    const fetch = (): Promise<never> => Promise.reject(new Error("not called"));
    expect(thrownBy(() => createStatusListFetch({ fetch, timeoutMs: Number.NaN }))).toBeInstanceOf(TypeError);
  });
});

describe("the package", () => {
  it("imports Node modules for types only", () => {
    const src = new URL("../src/", import.meta.url);
    const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    expect(files.length).toBeGreaterThan(30);
    const imports = files.flatMap((name) => readFileSync(new URL(name, src), "utf8").match(/^import .*"node:.*$/gm) ?? []);
    expect(imports.filter((line) => !line.startsWith("import type "))).toEqual([]);
  });
});
