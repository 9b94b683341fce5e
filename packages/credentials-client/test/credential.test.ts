import { thrownBy } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { writeCredential, type Credential } from "../src/credential.ts";

const ISSUER = "did:web:issuer.example";
const V2 = "https://www.w3.org/ns/credentials/v2";
const credentialSubject = { id: "did:web:subject.example" };

const wire = (credential: Credential): unknown => JSON.parse(JSON.stringify(writeCredential(credential, ISSUER)));

describe("writeCredential", () => {
  it("fills in the members that nodes require", () => {
    expect(wire({ credentialSubject })).toEqual({
      "@context": [V2],
      id: expect.stringMatching(/^urn:uuid:[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
      type: ["VerifiableCredential"],
      issuer: ISSUER,
      credentialSubject,
    });
    expect(writeCredential({ credentialSubject }, ISSUER)["id"]).not.toBe(writeCredential({ credentialSubject }, ISSUER)["id"]);
  });

  it("keeps given and unknown members", () => {
    const given = {
      "@context": [V2, "https://example.com/v1", { name: "https://schema.org/name" }],
      id: "https://example.com/credentials/1",
      type: ["UniversityDegree", "VerifiableCredential"],
      issuer: { id: "did:web:other.example", name: "Other" },
      validFrom: "2026-01-01T00:00:00Z",
      validUntil: "2027-01-01T00:00:00.5+01:00",
      credentialSubject: [credentialSubject, { name: "B" }],
      credentialStatus: { type: "BitstringStatusListEntry" },
      credentialSchema: [{ id: "https://example.com/schema", type: "JsonSchema" }],
      evidence: [{ type: "Seen" }],
      renderMethod: null,
    };
    expect(wire(given)).toEqual(given);
  });

  it("accepts context for @context, a single context or type, and Dates", () => {
    const date = new Date("2026-01-02T03:04:05.678Z");
    expect(wire({ context: V2, type: "Degree", validFrom: date, validUntil: date, issuanceDate: date, credentialSubject })).toMatchObject({
      "@context": [V2],
      type: ["VerifiableCredential", "Degree"],
      validFrom: date.toISOString(),
      validUntil: date.toISOString(),
      issuanceDate: date.toISOString(),
    });
  });

  it("does not modify its argument", () => {
    const given = Object.freeze({ type: Object.freeze(["Degree"]), credentialSubject: Object.freeze({ ...credentialSubject }) });
    expect(wire(given)).toMatchObject({ type: ["VerifiableCredential", "Degree"] });
  });

  it.each<[string, Record<string, unknown>]>([
    ["context", { context: [V2], "@context": [V2] }],
    ["context", { context: [] }],
    ["context", { context: [1] }],
    ["context", { "@context": "" }],
    ["type", { type: ["Degree", 1] }],
    ["type", { type: "" }],
    ["id", { id: 7 }],
    ["issuer", { issuer: "" }],
    ["issuer.id", { issuer: { name: "no id" } }],
    ["credentialSubject", { credentialSubject: undefined }],
    ["credentialSubject", { credentialSubject: [] }],
    ["credentialSubject", { credentialSubject: ["did:web:a"] }],
    ["credentialStatus", { credentialStatus: "revoked" }],
    ["credentialSchema", { credentialSchema: [null] }],
    ["validFrom", { validFrom: new Date(Number.NaN) }],
    ["validFrom", { validFrom: new Date(Date.UTC(10_000, 0)) }],
    ["validUntil", { validUntil: new Date(-1e14) }],
    ["validFrom", { validFrom: "2026-01-01" }],
    ["validUntil", { validUntil: "2026-13-01T00:00:00Z" }],
    ["validUntil", { validUntil: 1_767_225_600 }],
  ])("rejects a wrong %s: %o", (member, wrong) => {
    const error = thrownBy(() => writeCredential({ credentialSubject, ...wrong }, ISSUER));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain(member);
  });
});
