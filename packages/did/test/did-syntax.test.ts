import { describe, expect, it } from "vitest";
import { isDid, explainInvalidDid } from "../src/did-syntax.ts";

describe("isDid", () => {
  it.each([
    "did:web:host.example",
    "did:web:host.example%3A8443:a:b",
    "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
    "did:example:a::b",
    `did:web:${"a".repeat(2040)}`,
  ])("accepts %s", (text) => {
    expect(isDid(text)).toBe(true);
  });

  it.each([
    "",
    "did",
    "did:web:",
    "did::x",
    "DID:web:x",
    "did:WEB:x",
    "did:web:x:",
    "did:web:x/path",
    "did:web:x?query",
    "did:web:x#fragment",
    "did:web:x\n",
    "did:web:x\u0000",
    "did:web:ü",
    "did:web:x%3",
    "did:web:x%zz",
    " did:web:x",
    "did:web:x y",
    `did:web:${"a".repeat(2041)}`,
    `did:web:${"a%2F".repeat(100_000)}!`,
  ])("rejects %j", (text) => {
    expect(isDid(text)).toBe(false);
  });
});

describe("explainInvalidDid", () => {
  it.each<[unknown, string]>([
    [" did:web:x\n", "remove the surrounding white space"],
    ["did:web:x#key", "remove its path, query and fragment"],
    ["example.com", "a DID looks like did:web:example.com"],
    [`did:web:${"a".repeat(2041)}`, "it has more than 2048 characters"],
    [1, "it is not a string"],
  ])("names the remedy for %j", (text, remedy) => {
    expect(explainInvalidDid(text)).toBe(remedy);
  });
});
