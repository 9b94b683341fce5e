import { thrownBy } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { createDidResolver, didWebMethod, parseDidDocument, type DidFetch } from "../src/index.ts";

const did = "did:web:a.example";
const fetch: DidFetch = () => Promise.reject(new Error("not called"));
const NAN = Number.NaN;

describe("an option value that would disable a limit", () => {
  it.each<[string, () => unknown]>([
    ["timeoutMs of a resolver", () => createDidResolver({ methods: {}, timeoutMs: NAN })],
    ["maxConcurrent", () => createDidResolver({ methods: {}, maxConcurrent: NAN })],
    ["cache.ttlMs", () => createDidResolver({ methods: {}, cache: { ttlMs: NAN } })],
    ["cache.negativeTtlMs", () => createDidResolver({ methods: {}, cache: { negativeTtlMs: NAN } })],
    ["cache.maxEntries", () => createDidResolver({ methods: {}, cache: { maxEntries: NAN } })],
    ["a limit of a resolver", () => createDidResolver({ methods: {}, limits: { maxMethods: NAN } })],
    ["timeoutMs of did:web", () => didWebMethod({ fetch, timeoutMs: NAN })],
    ["maxBytes", () => didWebMethod({ fetch, maxBytes: NAN })],
    ["a limit of did:web", () => didWebMethod({ fetch, limits: { maxServices: NAN } })],
    ["a limit of parseDidDocument", () => parseDidDocument({ id: did }, did, { maxTextLength: NAN })],
    ["a negative number", () => parseDidDocument({ id: did }, did, { maxEntries: -1 })],
    ["an unknown limit", () => parseDidDocument({ id: did }, did, { maxMethod: 1 } as object)],
  ])("throws a TypeError: %s", (_, call) => {
    expect(thrownBy(call)).toBeInstanceOf(TypeError);
  });

  it("uses the default for a limit that is undefined", () => {
    const document = { id: did, alsoKnownAs: ["x".repeat(3000)] };
    const limits = { maxTextLength: undefined } as object;
    expect(thrownBy(() => parseDidDocument(document, did, limits))).toMatchObject({ code: "too_large" });
  });
});
