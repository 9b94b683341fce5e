import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { signCredential, signPresentation, verifyCredential, verifyPresentation, type VcErrorCode } from "../../src/index.ts";
import { expectVcError } from "../expect-error.ts";
import { makeToken, partsOf, resign } from "../forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "../parties.ts";

const issuer = makeParty("issuer");
const resolver = resolverOf(issuer);
const credential = credentialFor(issuer, "did:x:subject");
const now = (): number => NOW;
const { kid, privateKey } = issuer.key;

async function expectRefused(header: JsonObject, payload: JsonObject, code: VcErrorCode): Promise<void> {
  const token = makeToken({ alg: "EdDSA", kid, ...header }, payload, privateKey);
  expectVcError(await rejectionOf(verifyCredential(token, { resolver, now })), code);
}

describe("a credential as a JWS of VC-JOSE-COSE", () => {
  it("has the credential itself as its payload, plus iat", async () => {
    const { header, payload } = partsOf(await signCredential(credential, { key: issuer.key, now }));
    expect(header).toEqual({ alg: "EdDSA", typ: "vc+jwt", cty: "vc", kid });
    expect(payload).toEqual({ ...credential, iat: NOW / 1000 });
  });

  it.each([
    ["vc+jwt", "vc"],
    ["application/vc+jwt", "application/vc"],
    ["VC+JWT", undefined],
    ["vc+ld+jwt", undefined],
  ])("is accepted with the typ %s and the cty %s", async (typ, cty) => {
    const token = makeToken({ alg: "EdDSA", kid, typ, ...(cty !== undefined && { cty }) }, credential, privateKey);
    expect((await verifyCredential(token, { resolver, now })).credential).toEqual(credential);
  });

  it.each([undefined, "JWT", "vp+jwt", "vc+sd-jwt", "vc+ld+json+jwt", 1, null])("is rejected with the typ %j", async (typ) => {
    await expectRefused({ ...(typ !== undefined && { typ }) }, credential, "typ_invalid");
  });

  it.each(["vp", "json", "", 1])("is rejected with the cty %j", async (cty) => {
    await expectRefused({ typ: "vc+jwt", cty }, credential, "cty_invalid");
  });

  it.each(["vc", "vp"])("is rejected with a %s claim", async (claim) => {
    await expectRefused({ typ: "vc+jwt" }, { ...credential, [claim]: credential }, "claims_invalid");
  });

  it.each([
    ["none", undefined],
    ["a fragment", "#key"],
    ["a name", "key"],
    ["a URL", "https://issuer.example/keys#key"],
    ["a number", 1],
  ])("is rejected with %s as its kid", async (_, value) => {
    const token = makeToken({ alg: "EdDSA", typ: "vc+jwt", ...(value !== undefined && { kid: value }) }, credential, privateKey);
    expectVcError(await rejectionOf(verifyCredential(token, { resolver, now })), "kid_invalid");
  });

  it("is rejected with an embedded proof, which would not be verified", async () => {
    await expectRefused({ typ: "vc+jwt" }, { ...credential, proof: { type: "DataIntegrityProof" } }, "credential_invalid");
  });

  it("is rejected if it is of VCDM 1.1", async () => {
    const old = { ...credential, "@context": ["https://www.w3.org/2018/credentials/v1"], issuanceDate: "2026-01-01T00:00:00Z" };
    await expectRefused({ typ: "vc+jwt" }, old, "credential_invalid");
  });

  it("accepts iss, jti and sub that repeat issuer, id and subject", async () => {
    const claims = { iss: issuer.did, jti: credential["id"], sub: "did:x:subject" };
    const token = makeToken({ alg: "EdDSA", kid, typ: "vc+jwt", iss: issuer.did }, { ...credential, ...claims }, privateKey);
    expect((await verifyCredential(token, { resolver, now })).credential).toEqual(credential);
  });

  it("accepts an iss that repeats the id of an issuer object", async () => {
    const named = { ...credential, issuer: { id: issuer.did, name: "Issuer" } };
    const signed = await signCredential(named, { key: issuer.key, now });
    const repeated = resign(signed, privateKey, { payload: (payload) => ({ ...payload, iss: issuer.did }) });
    expect(await verifyCredential(repeated, { resolver, now })).toMatchObject({ credential: named, issuer: issuer.did });
  });

  it("ignores unknown headers and claims", async () => {
    const token = makeToken({ alg: "EdDSA", kid, typ: "vc+jwt", "x-new": 1 }, { ...credential, cnf: { kid } }, privateKey);
    expect((await verifyCredential(token, { resolver, now })).credential).toEqual({ ...credential, cnf: { kid } });
  });

  it("is signed with the algorithm EdDSA, and also accepted with Ed25519 (RFC 9864)", async () => {
    const token = makeToken({ alg: "Ed25519", kid, typ: "vc+jwt" }, credential, privateKey);
    await expect(verifyCredential(token, { resolver, now })).resolves.toMatchObject({ headers: { alg: "Ed25519" } });
  });

  it("checks the dates of the signature separately from those of the credential", async () => {
    const seconds = NOW / 1000;
    await expectRefused({ typ: "vc+jwt" }, { ...credential, exp: seconds - 60 }, "signature_expired");
    await expectRefused({ typ: "vc+jwt" }, { ...credential, nbf: seconds + 60 }, "signature_not_yet_valid");
    const token = makeToken({ alg: "EdDSA", kid, typ: "vc+jwt" }, { ...credential, nbf: seconds - 5, exp: seconds + 5 }, privateKey);
    expect((await verifyCredential(token, { resolver, now })).credential).toEqual(credential);
  });

  it("tolerates clocks that differ by 30 seconds, or by the configured tolerance", async () => {
    const token = makeToken({ alg: "EdDSA", kid, typ: "vc+jwt" }, { ...credential, exp: NOW / 1000 }, privateKey);
    const at = (ms: number, clockToleranceMs?: number): Promise<unknown> =>
      verifyCredential(token, { resolver, now: () => NOW + ms, ...(clockToleranceMs !== undefined && { clockToleranceMs }) });
    await expect(at(29_999)).resolves.toBeDefined();
    expectVcError(await rejectionOf(at(30_000)), "signature_expired");
    expectVcError(await rejectionOf(at(0, 0)), "signature_expired");
    await expect(at(-1, 0)).resolves.toBeDefined();
  });
});

describe("a presentation as a JWS of VC-JOSE-COSE", () => {
  it("has the presentation itself as its payload, with enveloped credentials", async () => {
    const signed = await signCredential(credential, { key: issuer.key, now });
    const options = { holder: issuer.did, key: issuer.key, nonce: "n", audience: ["did:x:verifier"], now };
    const { header, payload } = partsOf(await signPresentation([signed], options));
    expect(header).toEqual({ alg: "EdDSA", typ: "vp+jwt", cty: "vp", kid });
    expect(payload).toEqual({
      "@context": ["https://www.w3.org/ns/credentials/v2"],
      type: ["VerifiablePresentation"],
      holder: issuer.did,
      verifiableCredential: [
        {
          "@context": ["https://www.w3.org/ns/credentials/v2"],
          id: `data:application/vc+jwt,${signed}`,
          type: "EnvelopedVerifiableCredential",
        },
      ],
      iat: NOW / 1000,
      exp: NOW / 1000 + 300,
      nonce: "n",
      aud: ["did:x:verifier"],
    });
  });

  it("is rejected as a credential, and a credential as a presentation", async () => {
    const presented = await signPresentation([], { holder: issuer.did, key: issuer.key, now });
    expectVcError(await rejectionOf(verifyCredential(presented, { resolver, now })), "typ_invalid");
    const signed = await signCredential(credential, { key: issuer.key, now });
    expectVcError(await rejectionOf(verifyPresentation(signed, { resolver, now })), "typ_invalid");
  });
});

describe("malformed text", () => {
  it.each([
    ["", "malformed"],
    [".", "malformed"],
    ["..", "malformed"],
    ["e30.e30.", "malformed"],
    ["e30.e30.AA", "malformed"],
    ["eyJhbGciOjF9.e30.AA", "malformed"],
    ["W10.e30.AA", "malformed"],
    ["AA.e30.AA", "malformed"],
    ["a.b.c", "malformed"],
    ["a b.c.d", "malformed"],
    ["e30.e30.AA\n", "malformed"],
    ["{", "malformed"],
    ["{}", "proof_missing"],
    ["[]", "malformed"],
    ["null", "malformed"],
    ['{"proof":[]}', "proof_invalid"],
    ['{"proof":1}', "proof_invalid"],
    ['{"type":"EnvelopedVerifiableCredential"}', "malformed"],
    ['{"n":1e999}', "malformed"],
    ["e30.e30.AA~", "format_unsupported"],
    ["e30.e30.AA.AA.AA", "format_unsupported"],
    ["A".repeat(300_000), "too_large"],
  ] as const)("%# is rejected", async (text, code) => {
    expectVcError(await rejectionOf(verifyCredential(text, { resolver, now })), code);
  });

  it("throws a TypeError for a value that is not a string", async () => {
    expect(await rejectionOf(verifyCredential(1 as never, { resolver }))).toBeInstanceOf(TypeError);
    expect(await rejectionOf(verifyPresentation(undefined as never, { resolver }))).toBeInstanceOf(TypeError);
  });
});
