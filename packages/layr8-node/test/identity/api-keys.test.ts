import { describe, expect, it } from "vitest";
import { ApiKeys, mayBind, type ApiKeyRecord } from "../../src/identity/api-keys.ts";
import { memoryRecords, type Records } from "@parley/storage";

/** Records that a second registry can load, as after a restart. */
function rememberedRecords(): Records<ApiKeyRecord> & { readonly kept: Map<string, ApiKeyRecord> } {
  const kept = new Map<string, ApiKeyRecord>();
  return {
    kept,
    load: () => [...kept.values()],
    put: async (key, record) => void kept.set(key, record),
    remove: async (key) => void kept.delete(key),
  };
}

const CONFIGURED = "a-key-of-16-chars";

describe("ApiKeys", () => {
  it("makes keys that it finds again, and keeps no key", async () => {
    const records = rememberedRecords();
    const apiKeys = new ApiKeys(records, () => 7);
    const { id, key } = await apiKeys.create({ name: "agents", dids: ["did:web:acme.example:*"] });
    expect(key).toMatch(/^l8_[\w-]{43}$/u);
    const info = { id, name: "agents", dids: ["did:web:acme.example:*"], ephemeral: true, createdAt: 7 };
    expect(apiKeys.find(key)).toEqual(info);
    expect(apiKeys.list()).toEqual([info]);
    expect(JSON.stringify([...records.kept.values()])).not.toContain(key.slice(3));
    expect(new ApiKeys(records).find(key)).toEqual(info);
  });

  it.each([
    ["", "nothing"],
    ["l8_unknown", "an unknown key"],
    ["x".repeat(10_000_000), "a huge text"],
  ])("finds no key for %#", async (presented) => {
    const apiKeys = new ApiKeys(memoryRecords());
    await expect(apiKeys.create(undefined as never)).rejects.toThrow("An API key needs options such as { dids:");
    await apiKeys.create({ dids: "any" });
    expect(apiKeys.find(presented)).toBeUndefined();
  });

  it("revokes a key permanently", async () => {
    const records = rememberedRecords();
    const apiKeys = new ApiKeys(records);
    const { id, key } = await apiKeys.create({ dids: "any" });
    expect(await apiKeys.revoke(id)).toBe(true);
    expect(await apiKeys.revoke(id)).toBe(false);
    expect(apiKeys.find(key)).toBeUndefined();
    expect(new ApiKeys(records).find(key)).toBeUndefined();
  });

  it("takes a configured key for one run, under the same id in every run", async () => {
    const records = rememberedRecords();
    const first = new ApiKeys(records);
    const { id } = await first.import({ key: CONFIGURED, dids: "any" });
    expect((await first.import({ key: CONFIGURED, dids: [], ephemeral: false })).id).toBe(id);
    expect(first.find(CONFIGURED)).toMatchObject({ id, dids: [], ephemeral: false });
    expect(first.list()).toHaveLength(1);

    const second = new ApiKeys(records);
    expect(second.find(CONFIGURED)).toBeUndefined();
    expect(second.list()).toEqual([]);
    expect((await second.import({ key: CONFIGURED, dids: "any" })).id).toBe(id);
  });

  it("knows which keys the configuration has, also of those that were created before", async () => {
    const apiKeys = new ApiKeys(memoryRecords());
    const created = await apiKeys.create({ dids: "any" });
    const both = await apiKeys.create({ dids: "any" });
    const { id } = await apiKeys.import({ key: CONFIGURED, dids: "any" });
    await apiKeys.import({ key: both.key, dids: "any" });
    expect([created.id, both.id, id].map((each) => apiKeys.isConfigured(each))).toEqual([false, true, true]);
  });

  it.each(["", "fifteen-chars-x", "x".repeat(513)])("refuses to import a key of the wrong length: %#", async (key) => {
    await expect(new ApiKeys(memoryRecords()).import({ key, dids: "any" })).rejects.toThrow(TypeError);
  });

  it.each([
    "",
    "*",
    "did:*",
    "did:web*",
    "did:web:acme.example*",
    "acme.example:*",
    "did:web:*:x",
    "did:web:a/b",
    "did:web:a#b",
    " did:web:a",
  ])("refuses a rule with %j", async (entry) => {
    await expect(new ApiKeys(memoryRecords()).create({ dids: [entry] })).rejects.toThrow(TypeError);
  });
});

describe("mayBind", () => {
  it.each([
    ["any", "did:web:acme.example", true],
    ["any", "did:key:z6Mk", true],
    ["any", "not a DID", false],
    ["any", "did:web:acme.example#key", false],
    [[], "did:web:acme.example", false],
    [["did:web:acme.example"], "did:web:acme.example", true],
    [["did:web:acme.example"], "did:web:acme.example:agent", false],
    [["did:web:acme.example"], "did:web:acme.exampl", false],
    [["did:web:acme.example:*"], "did:web:acme.example:agent", true],
    [["did:web:acme.example:*"], "did:web:acme.example:a:b", true],
    [["did:web:acme.example:*"], "did:web:acme.example", false],
    [["did:web:acme.example:*"], "did:web:acme.example:", false],
    [["did:web:acme.example:*"], "did:web:acme.example.evil.com", false],
    [["did:web:acme.example:*"], "did:web:acme.example.evil.com:agent", false],
    [["did:web:acme.example:*"], "did:web:acme.example%3A443:agent", false],
    [["did:web:acme.example:*"], "did:web:acme.example%3Aagent", false],
    [["did:key:*", "did:web:b.example"], "did:web:b.example", true],
  ] as const)("with %j and %s: %s", async (dids, did, expected) => {
    const apiKeys = new ApiKeys(memoryRecords());
    const { key } = await apiKeys.create({ dids });
    const apiKey = apiKeys.find(key);
    expect(apiKey !== undefined && mayBind(apiKey, did)).toBe(expected);
  });
});
