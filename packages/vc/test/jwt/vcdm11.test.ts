import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { signCredential, signPresentation, verifyCredential, verifyPresentation, type VcErrorCode } from "../../src/index.ts";
import { expectVcError } from "../expect-error.ts";
import { makeToken, partsOf } from "../forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "../parties.ts";

const V1 = "https://www.w3.org/2018/credentials/v1";
const issuer = makeParty("issuer");
const resolver = resolverOf(issuer);
const now = (): number => NOW;
const { kid, privateKey } = issuer.key;
const seconds = (text: string): number => Date.parse(text) / 1000;

const old: JsonObject = {
  "@context": [V1],
  id: "urn:uuid:1",
  type: ["VerifiableCredential"],
  issuer: issuer.did,
  issuanceDate: "2026-01-01T00:00:00Z",
  expirationDate: "2027-01-01T00:00:00Z",
  credentialSubject: { id: "did:x:subject", level: "gold" },
};
const claims: JsonObject = {
  iss: issuer.did,
  sub: "did:x:subject",
  jti: "urn:uuid:1",
  nbf: seconds("2026-01-01T00:00:00Z"),
  exp: seconds("2027-01-01T00:00:00Z"),
};
/** Members that claims can stand for. */
const bare: JsonObject = { "@context": [V1], type: ["VerifiableCredential"], credentialSubject: { level: "gold" } };

function token(payload: JsonObject, header: JsonObject = { kid }): string {
  return makeToken({ alg: "EdDSA", ...header }, payload, privateKey);
}

async function expectRefused(signed: string, code: VcErrorCode): Promise<void> {
  expectVcError(await rejectionOf(verifyCredential(signed, { resolver, now })), code);
}

describe("a credential as a JWT of VCDM 1.1", () => {
  it("has the claims for the members, and the credential in vc", async () => {
    const { header, payload } = partsOf(await signCredential(old, { key: issuer.key, format: "jwt", now }));
    expect(header).toEqual({ alg: "EdDSA", typ: "JWT", kid });
    expect(payload).toEqual({ ...claims, iat: NOW / 1000, vc: old });
  });

  it("is returned as it was signed", async () => {
    const signed = await signCredential(old, { key: issuer.key, format: "jwt", now });
    expect(await verifyCredential(signed, { resolver, now })).toMatchObject({ credential: old, format: "jwt", issuer: issuer.did });
  });

  it("can be signed in the format jwt only", async () => {
    for (const format of ["compact_jwt", "json", "enveloped"] as const) {
      expectVcError(await rejectionOf(signCredential(old, { key: issuer.key, format })), "credential_invalid");
    }
  });

  it.each([
    ["no typ", { kid }],
    ["the typ JWT", { kid, typ: "JWT" }],
    ["a fragment as its kid", { kid: "#key" }],
    ["a name as its kid", { kid: "key" }],
    ["no kid", {}],
  ])("is accepted with %s, and with members that only the claims contain", async (_, header) => {
    const { credential } = await verifyCredential(token({ ...claims, vc: bare }, header), { resolver, now });
    expect(credential).toEqual(old);
  });

  it("can follow VCDM 2.0, with validFrom and validUntil as its dates", async () => {
    const newer = credentialFor(issuer, "did:x:subject", { id: "urn:uuid:1", type: ["VerifiableCredential"] });
    const vc = { ...bare, "@context": newer["@context"] };
    const { credential } = await verifyCredential(token({ ...claims, vc }), { resolver, now });
    expect(credential).toEqual({ ...newer, credentialSubject: { id: "did:x:subject", level: "gold" } });
  });

  it("has nbf and exp as the dates of the credential", async () => {
    await expectRefused(token({ ...claims, exp: NOW / 1000 - 60, vc: bare }), "expired");
    await expectRefused(token({ ...claims, nbf: NOW / 1000 + 60, vc: bare }), "not_yet_valid");
  });

  it("accepts dates with fractions, of which the claims have whole seconds", async () => {
    const precise = { ...old, issuanceDate: "2026-01-01T00:00:00.750Z" };
    const signed = await signCredential(precise, { key: issuer.key, format: "jwt", now });
    expect((await verifyCredential(signed, { resolver, now })).credential).toEqual(precise);
  });

  it.each([
    ["iss", { issuer: "did:x:other" }, "issuer_mismatch"],
    ["iss, of an object", { issuer: { id: "did:x:other" } }, "issuer_mismatch"],
    ["jti", { id: "urn:uuid:2" }, "claims_invalid"],
    ["sub", { credentialSubject: { id: "did:x:other" } }, "claims_invalid"],
    ["sub, of many", { credentialSubject: [{ id: "did:x:other" }, { id: "did:x:third" }] }, "claims_invalid"],
    ["nbf", { issuanceDate: "2025-01-01T00:00:00Z" }, "claims_invalid"],
    ["exp", { expirationDate: "2028-01-01T00:00:00Z" }, "claims_invalid"],
  ] as const)("is rejected if %s contradicts it", async (_, members, code) => {
    await expectRefused(token({ ...claims, vc: { ...old, ...members } }), code);
  });

  it.each([
    ["a vc that is not an object", { ...claims, vc: [] }, "claims_invalid"],
    ["no issuer at all", { vc: bare }, "credential_invalid"],
    ["no date of issuing", { iss: issuer.did, vc: bare }, "credential_invalid"],
    ["neither vc nor vp", { ...claims }, "typ_invalid"],
    ["a vp", { ...claims, vp: bare }, "typ_invalid"],
  ] as const)("is rejected with %s", async (_, payload, code) => {
    await expectRefused(token(payload), code);
  });

  it("is rejected without a kid if no key of the issuer signed it", async () => {
    const stranger = makeParty("stranger");
    const forged = makeToken({ alg: "EdDSA" }, { ...claims, vc: bare }, stranger.key.privateKey);
    await expectRefused(forged, "signature_invalid");
    const agreement = makeParty("agreement", "Ed25519", ["authentication"]);
    const unlisted = makeToken({ alg: "EdDSA" }, { ...claims, iss: agreement.did, vc: bare }, agreement.key.privateKey);
    expectVcError(await rejectionOf(verifyCredential(unlisted, { resolver: resolverOf(agreement), now })), "key_not_found");
  });
});

describe("a presentation as a JWT of VCDM 1.1", () => {
  it("contains credentials as JWTs, and its holder as iss", async () => {
    const signed = await signCredential(old, { key: issuer.key, format: "jwt", now });
    const presented = await signPresentation([signed], { holder: issuer.did, key: issuer.key, format: "jwt", nonce: "n", now });
    const { header, payload } = partsOf(presented);
    expect(header).toEqual({ alg: "EdDSA", typ: "JWT", kid });
    expect(payload).toEqual({
      iss: issuer.did,
      iat: NOW / 1000,
      exp: NOW / 1000 + 300,
      nonce: "n",
      vp: { "@context": [V1], type: ["VerifiablePresentation"], holder: issuer.did, verifiableCredential: [signed] },
    });
    expect(await verifyPresentation(presented, { resolver, now, nonce: "n" })).toMatchObject({ holder: issuer.did });
  });

  it("is accepted if only iss names the holder", async () => {
    const vp = { "@context": [V1], type: ["VerifiablePresentation"] };
    const presented = token({ iss: issuer.did, jti: "urn:uuid:9", vp });
    const verified = await verifyPresentation(presented, { resolver, now });
    expect(verified.presentation).toEqual({ ...vp, id: "urn:uuid:9", holder: issuer.did });
  });

  it("is rejected if iss is not the holder", async () => {
    const vp = { "@context": [V1], type: ["VerifiablePresentation"], holder: issuer.did };
    const presented = token({ iss: "did:x:other", vp });
    expectVcError(await rejectionOf(verifyPresentation(presented, { resolver, now })), "holder_mismatch");
  });
});
