import { describe, expect, it } from "vitest";
import { mayActFor } from "../../src/identity/access.ts";
import type { ApiKey } from "../../src/identity/api-keys.ts";
import type { DidRule } from "../../src/identity/did-pattern.ts";

const DID = "did:web:acme.example:agent";

function apiKey(id: string, dids: DidRule): ApiKey {
  return { id, name: id, dids, ephemeral: true, createdAt: 0 };
}

describe("mayActFor", () => {
  const persistent = { storage: "persistent", ownerKeyId: "owner" } as const;
  const ephemeral = { storage: "ephemeral", ownerKeyId: "owner" } as const;

  it.each([
    ["a DID that its rule covers, hosted or not", apiKey("other", [DID]), undefined, true],
    ["a persistent DID that its rule covers, created by any key", apiKey("other", ["did:web:acme.example:*"]), persistent, true],
    ["a DID that its rule doesn't cover", apiKey("other", []), undefined, false],
    ["a persistent DID that it made under a rule of then", apiKey("owner", []), persistent, false],
    ["its own ephemeral DID, whatever its rule", apiKey("owner", []), ephemeral, true],
    ["another's ephemeral DID, whatever its rule", apiKey("other", "any"), ephemeral, false],
  ] as const)("decides on %s", (_, key, hosted, expected) => {
    expect(mayActFor(key, DID, hosted)).toBe(expected);
  });

  it("rejects invalid DIDs for every key", () => {
    expect(mayActFor(apiKey("any", "any"), "alice", undefined)).toBe(false);
  });
});
