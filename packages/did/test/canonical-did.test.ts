import { describe, expect, it } from "vitest";
import { canonicalDid } from "../src/index.ts";

describe("the canonical form", () => {
  it.each([
    ["did:web:example.com:agents:a", "did:web:example.com:agents:a"],
    ["did:web:EXAMPLE.com:Agents:a", "did:web:example.com:Agents:a"],
    ["did:web:example.com%3a8443", "did:web:example.com%3A8443"],
    ["did:web:example.com%3A443:a", "did:web:example.com:a"],
    ["did:web:example.com%3a443", "did:web:example.com"],
    ["did:web:example.com:%61gent", "did:web:example.com:agent"],
    ["did:web:ex%61mple.com:a", "did:web:example.com:a"],
    ["did:web:%45xample.com:a", "did:web:example.com:a"],
    ["did:web:example.com:a%2fb", "did:web:example.com:a%2Fb"],
    ["did:web:example.com:%c3%a4", "did:web:example.com:%C3%A4"],
    ["did:web:example.com:%7E", "did:web:example.com:%7E"],
    ["did:key:z6MkABC", "did:key:z6MkABC"],
    ["did:example:%41%2f", "did:example:A%2F"],
  ])("of %s is %s", (did, canonical) => {
    expect(canonicalDid(did)).toBe(canonical);
    expect(canonicalDid(canonical)).toBe(canonical);
  });

  it.each(["", "did:web:", "did:web:a/b", "example.com", `did:web:${"a".repeat(3000)}`])("does not exist for %s", (text) => {
    expect(canonicalDid(text)).toBeUndefined();
  });
});
