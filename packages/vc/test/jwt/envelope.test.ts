import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { signCredential, signPresentation, verifyCredential, verifyPresentation } from "../../src/index.ts";
import { expectVcError } from "../expect-error.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "../parties.ts";

const issuer = makeParty("issuer");
const resolver = resolverOf(issuer);
const credential = credentialFor(issuer, "did:x:subject");
const now = (): number => NOW;
const token = await signCredential(credential, { key: issuer.key, now });
const oldToken = await signCredential(credential, { key: issuer.key, format: "jwt", now });
const envelope = { "@context": ["https://www.w3.org/ns/credentials/v2"], type: "EnvelopedVerifiableCredential" };

function enveloped(id: unknown, members: JsonObject = {}): string {
  return JSON.stringify({ ...envelope, id, ...members });
}

describe("an enveloped credential", () => {
  it("has a context, a type, and the token in a data: URL", async () => {
    const signed = await signCredential(credential, { key: issuer.key, format: "enveloped", now });
    expect(JSON.parse(signed)).toEqual({ ...envelope, id: `data:application/vc+jwt,${token}` });
  });

  it.each([
    ["as it should be", `data:application/vc+jwt,${token}`],
    ["in capitals", `DATA:Application/VC+JWT,${token}`],
    ["with a parameter", `data:application/vc+jwt;charset=utf-8,${token}`],
    ["in base64", `data:application/vc+jwt;base64,${Buffer.from(token).toString("base64")}`],
    ["percent-encoded", `data:application/vc+jwt,${token.replaceAll(".", "%2E")}`],
    ["of VCDM 1.1", `data:application/jwt,${oldToken}`],
  ])("is accepted %s", async (_, id) => {
    expect(await verifyCredential(enveloped(id), { resolver, now })).toMatchObject({ credential, format: "enveloped" });
  });

  it.each([
    ["no URL", token, "malformed"],
    ["a number", 1, "malformed"],
    ["another scheme", `https://issuer.example/${token}`, "malformed"],
    ["no comma", `data:application/vc+jwt;${token}`, "malformed"],
    ["nothing", "data:application/vc+jwt,", "malformed"],
    ["no token", "data:application/vc+jwt,hello", "malformed"],
    ["broken escapes", `data:application/vc+jwt,%zz${token}`, "malformed"],
    ["broken base64", `data:application/vc+jwt;base64,${token}`, "malformed"],
    ["no media type", `data:,${token}`, "format_unsupported"],
    ["another media type", `data:text/plain,${token}`, "format_unsupported"],
    ["the media type of a presentation", `data:application/vp+jwt,${token}`, "format_unsupported"],
    ["an SD-JWT", `data:application/vc+sd-jwt,${token}~`, "format_unsupported"],
    ["a token of VCDM 1.1 that says it is not", `data:application/vc+jwt,${oldToken}`, "typ_invalid"],
  ] as const)("is rejected with %s", async (_, id, code) => {
    expectVcError(await rejectionOf(verifyCredential(enveloped(id), { resolver, now })), code);
  });

  it("is rejected without the context of VCDM 2.0", async () => {
    const signed = enveloped(`data:application/vc+jwt,${token}`, { "@context": ["https://www.w3.org/2018/credentials/v1"] });
    expectVcError(await rejectionOf(verifyCredential(signed, { resolver, now })), "malformed");
  });
});

describe("an enveloped presentation", () => {
  it("has the type EnvelopedVerifiablePresentation and the media type application/vp+jwt", async () => {
    const signed = await signPresentation([token], { holder: issuer.did, key: issuer.key, format: "enveloped", now });
    const { id, type } = JSON.parse(signed) as { id: string; type: string };
    expect(type).toBe("EnvelopedVerifiablePresentation");
    expect(id).toMatch(/^data:application\/vp\+jwt,ey/);
    expect(await verifyPresentation(signed, { resolver, now })).toMatchObject({ format: "enveloped" });
    expectVcError(await rejectionOf(verifyCredential(signed, { resolver, now })), "proof_missing");
  });
});
