import type { JsonValue } from "@parley/core";
import { describe, expect, it } from "vitest";
import { builtinResponse, compileFeaturePattern, MAX_PROTOCOLS } from "../../../src/routing/respond/builtin-protocols.ts";

const ME = "did:web:localhost:alice";
const BOB = "did:web:localhost:bob";
const QUERIES = "https://didcomm.org/discover-features/2.0/queries";
const OWN = ["https://didcomm.org/discover-features/2.0", "https://didcomm.org/trust-ping/2.0"];

async function disclosed(matches: readonly string[], protocols: readonly string[]): Promise<readonly string[]> {
  const queries = matches.map((match) => ({ "feature-type": "protocol", match }));
  const response = await builtinResponse({ id: "1", type: QUERIES, from: ME, to: [BOB], body: { queries } }, BOB, protocols);
  const disclosures = response?.body["disclosures"] as readonly { readonly id: JsonValue }[];
  return disclosures.map(({ id }) => String(id));
}

describe("a pattern of a discover-features query", () => {
  it.each([
    ["https://a.example/*", "https://a.example/chat/1.0", true],
    ["*/chat/*", "https://a.example/chat/1.0", true],
    ["*/chat/*", "https://a.example/chats/1.0", false],
    ["https://a.example", "https://a.example/chat/1.0", false],
    ["**************", "anything", true],
    ["a*a", "a", false],
    ["*b*b", "ab", false],
    ["a***b***c", "a-b-c", true],
  ])("%s, compared with %s, matches: %s", (pattern, feature, matches) => {
    expect(compileFeaturePattern(pattern)?.(feature)).toBe(matches);
  });

  it("matches nothing beyond 256 characters or 8 literal pieces", () => {
    expect(compileFeaturePattern("*".repeat(257))).toBeUndefined();
    expect(compileFeaturePattern("*".repeat(256))).toBeDefined();
    expect(compileFeaturePattern("a*b*c*d*e*f*g*h")).toBeDefined();
    expect(compileFeaturePattern("a*b*c*d*e*f*g*h*i")).toBeUndefined();
  });
});

describe("the response to discover-features queries", () => {
  it("ignores patterns that are too long", async () => {
    expect(
      await disclosed(
        Array.from({ length: 64 }, () => "*".repeat(15_500)),
        ["https://a.example/chat/1.0"],
      ),
    ).toEqual([]);
  });

  it("discloses at most as many protocols as one DID may bind", async () => {
    const protocols = Array.from({ length: 5120 }, (_, index) => `https://a.example/p${index}/1.0`);
    expect(await disclosed(["*"], protocols)).toHaveLength(MAX_PROTOCOLS);
  });

  it("compares a bounded number of characters, whatever the lengths of queries and protocols", async () => {
    const protocols = Array.from({ length: 256 }, (_, index) => `https://a.example/${index}/${"a".repeat(1000)}`);
    const misses = Array.from({ length: 63 }, (_, index) => `*${"a".repeat(200)}b${index}*`);
    const found = await disclosed([...misses, "https://a.example/*"], protocols);
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(20);
  });

  it("discloses 64 Ki characters at most", async () => {
    const protocols = Array.from({ length: 254 }, (_, index) => `https://a.example/${index}/${"a".repeat(1000)}`);
    expect((await disclosed(["*"], protocols)).join("").length).toBeLessThanOrEqual(64 * 1024);
  });

  it("discloses every protocol of ordinary length for 64 queries", async () => {
    const protocols = Array.from({ length: 254 }, (_, index) => `https://agents.example/protocols/number-${index}/1.0`);
    const queries = [...Array.from({ length: 63 }, (_, index) => `https://other.example/${index}/*`), "*"];
    expect(await disclosed(queries, protocols)).toHaveLength(protocols.length + OWN.length);
  });
});
