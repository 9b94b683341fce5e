import { gunzipSync, gzipSync } from "node:zlib";
import { rejectionOf, thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BitstringStatusList, signCredential } from "../../src/index.ts";
import { expectVcError } from "../expect-error.ts";
import { makeParty } from "../parties.ts";

const init = { id: "https://issuer.example/status/1", statusPurpose: "revocation" } as const;

function encoded(bytes: Uint8Array): string {
  return `u${gzipSync(bytes).toString("base64url")}`;
}

describe("BitstringStatusList", () => {
  it("stores index 0 in the most significant bit", async () => {
    const list = BitstringStatusList.create(init);
    for (const index of [0, 9, 131_071]) list.set(index, true);
    const bytes = gunzipSync(Buffer.from((await list.encode()).slice(1), "base64url"));
    expect([bytes.length, bytes[0], bytes[1], bytes[16_383]]).toEqual([16_384, 0b1000_0000, 0b0100_0000, 1]);
  });

  it("decodes the specification's example", async () => {
    // Bitstring Status List v1.0, section 2.2, example of a BitstringStatusListCredential.
    const list = await BitstringStatusList.decode("uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA", init);
    expect(list.length).toBe(131_072);
    expect(list.get(94_567)).toBe(false);
  });

  it("round-trips with any statuses set", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(131_071), { maxLength: 50 }), fc.nat(131_071), async (set, probe) => {
        const list = BitstringStatusList.create(init);
        for (const index of set) list.set(index, true);
        const again = await BitstringStatusList.decode(await list.encode(), init);
        expect(set.every((index) => again.get(index))).toBe(true);
        expect(again.get(probe)).toBe(set.includes(probe));
      }),
      { numRuns: 30 },
    );
  });

  it("decodes corrupted text or rejects it with a VcError", async () => {
    const list = BitstringStatusList.create(init);
    list.set(3, true);
    const text = await list.encode();
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.constantFrom("A", "_", "=", ""), fc.boolean(), async (at, char, truncate) => {
        const changed = truncate ? text.slice(0, at) : text.slice(0, at) + char + text.slice(at + 1);
        const thrown = await BitstringStatusList.decode(changed, init).catch((error: unknown) => error);
        if (!(thrown instanceof BitstringStatusList)) expectVcError(thrown, "status_invalid");
      }),
    );
  });

  it("rejects a list that is too short, and one that is too long after decompression", async () => {
    expectVcError(await rejectionOf(BitstringStatusList.decode(encoded(new Uint8Array(16_383)), init)), "status_invalid");
    expectVcError(await rejectionOf(BitstringStatusList.decode(encoded(new Uint8Array(3_000_000)), init)), "too_large");
  });

  it("stops decompression at the limit", async () => {
    // Truncated after the limit: decoding succeeds only if it stops there.
    const compressed = gzipSync(new Uint8Array(32_000_000));
    const cutOff = `u${compressed.subarray(0, compressed.length - 3000).toString("base64url")}`;
    expectVcError(await rejectionOf(BitstringStatusList.decode(cutOff, init)), "too_large");
  });

  it("has 131072 entries or more, in whole bytes", () => {
    expect(BitstringStatusList.create(init).length).toBe(131_072);
    expect(BitstringStatusList.create({ ...init, length: 200_001 }).length).toBe(200_008);
    for (const length of [0, 131_071, 131_072.5, -1, Number.NaN, 2 ** 40]) {
      expect(thrownBy(() => BitstringStatusList.create({ ...init, length }))).toBeInstanceOf(TypeError);
    }
  });

  it("rejects indexes out of range", () => {
    const list = BitstringStatusList.create(init);
    for (const index of [-1, 131_072, 0.5, Number.NaN]) {
      expect(thrownBy(() => list.get(index))).toBeInstanceOf(RangeError);
      expect(thrownBy(() => list.set(index, true))).toBeInstanceOf(RangeError);
      expect(thrownBy(() => list.statusEntry(index))).toBeInstanceOf(RangeError);
    }
  });

  it("creates an entry and a credential that refer to each other", async () => {
    const issuer = makeParty("issuer");
    const list = BitstringStatusList.create(init);
    const credential = await list.toCredential({ issuer: issuer.did, validUntil: "2027-01-01T00:00:00Z", ttl: 60_000 });
    expect(credential).toEqual({
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      id: init.id,
      type: ["VerifiableCredential", "BitstringStatusListCredential"],
      issuer: issuer.did,
      validUntil: "2027-01-01T00:00:00Z",
      credentialSubject: {
        id: `${init.id}#list`,
        type: "BitstringStatusList",
        statusPurpose: "revocation",
        encodedList: await list.encode(),
        ttl: 60_000,
      },
    });
    expect(list.statusEntry(7)).toEqual({
      id: `${init.id}#7`,
      type: "BitstringStatusListEntry",
      statusPurpose: "revocation",
      statusListIndex: "7",
      statusListCredential: init.id,
    });
    await expect(signCredential(credential, { key: issuer.key })).resolves.toMatch(/^ey/);
  });
});
