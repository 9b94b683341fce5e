import { createHmac } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { signCredential, verifyCredential, type CredentialFormat, type VcErrorCode } from "../src/index.ts";
import { expectVcError } from "./expect-error.ts";
import { alter, alterProof, forgeCredential, FORMATS, JWS_FORMATS, makeToken, mapToken, partsOf, resign } from "./forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "./parties.ts";

const issuer = makeParty("issuer");
const mallory = makeParty("mallory");
const onlyAuthentication = makeParty("only-authentication", "Ed25519", ["authentication"]);
const resolver = resolverOf(issuer, mallory, onlyAuthentication);
const credential = credentialFor(issuer, "did:x:subject");
const now = (): number => NOW;

async function signedAs(format: CredentialFormat): Promise<string> {
  return signCredential(credential, { key: issuer.key, format, now });
}

async function expectRefused(signed: string, code: VcErrorCode): Promise<void> {
  expectVcError(await rejectionOf(verifyCredential(signed, { resolver, now })), code);
}

function swap(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
}

describe.each(FORMATS)("a tampered credential in %s", (format) => {
  const isJson = format === "json";

  it("with another signature is rejected", async () => {
    const signed = await signedAs(format);
    const flipped = isJson
      ? alterProof(signed, (proof) => ({ ...proof, proofValue: swap(proof["proofValue"] as string, 20) }))
      : mapToken(signed, (token) => swap(token, token.length - 40));
    await expectRefused(flipped, "signature_invalid");
  });

  it("with another statement is rejected", async () => {
    const signed = await signedAs(format);
    const richer = { id: "did:x:subject", level: "platinum" };
    const changed = isJson
      ? JSON.stringify({ ...(JSON.parse(signed) as JsonObject), credentialSubject: richer })
      : alter(signed, {
          payload: (payload) => {
            const { vc } = payload;
            if (vc === undefined) return { ...payload, credentialSubject: richer };
            return { ...payload, vc: { ...(vc as JsonObject), credentialSubject: richer } };
          },
        });
    await expectRefused(changed, "signature_invalid");
  });

  it("with another kid of the same DID is rejected", async () => {
    const kid = `${issuer.did}#other`;
    const signed = await signCredential(credential, { key: { ...issuer.key, kid }, format, now });
    await expectRefused(signed, "key_not_found");
  });

  it("signed by another DID is rejected", async () => {
    await expectRefused(await forgeCredential(credential, mallory, format), "issuer_mismatch");
  });

  it("signed with another key under the issuer's name is rejected", async () => {
    const signed = await signCredential(credential, { key: { ...mallory.key, kid: issuer.key.kid }, format, now });
    await expectRefused(signed, "signature_invalid");
  });

  it("signed with a key that is not for assertions is rejected", async () => {
    const own = { ...credential, issuer: onlyAuthentication.did };
    await expectRefused(await signCredential(own, { key: onlyAuthentication.key, format, now }), "key_purpose");
  });

  it("of a DID that cannot be resolved is rejected", async () => {
    const nobody = makeParty("nobody");
    const signed = await signCredential({ ...credential, issuer: nobody.did }, { key: nobody.key, format, now });
    await expectRefused(signed, "resolution_failed");
  });

  it("that has expired is rejected", async () => {
    const signed = await forgeCredential({ ...credential, validUntil: "2026-03-01T11:59:00Z" }, issuer, format);
    await expectRefused(signed, "expired");
  });

  it("that is not valid yet is rejected", async () => {
    const signed = await forgeCredential({ ...credential, validFrom: "2026-03-01T12:01:00Z" }, issuer, format);
    await expectRefused(signed, "not_yet_valid");
  });

  it("without a signature is rejected", async () => {
    const signed = await signedAs(format);
    const { proof: _, ...bare } = isJson ? (JSON.parse(signed) as JsonObject) : {};
    const stripped = isJson ? JSON.stringify(bare) : mapToken(signed, (token) => `${token.split(".").slice(0, 2).join(".")}.`);
    await expectRefused(stripped, isJson ? "proof_missing" : "signature_invalid");
  });

  it("that violates the data model is rejected", async () => {
    await expectRefused(await forgeCredential({ ...credential, type: ["Membership"] }, issuer, format), "credential_invalid");
    const { credentialSubject: _, ...nothingSaid } = credential;
    await expectRefused(await forgeCredential(nothingSaid, issuer, format), "credential_invalid");
  });

  it("that is nested too deep is rejected", async () => {
    let deep: JsonObject = {};
    for (let i = 0; i < 100; i += 1) deep = { deep };
    const subject = { id: "did:x:subject", deep };
    await expectRefused(await forgeCredential({ ...credential, credentialSubject: subject }, issuer, format), "too_large");
  });

  it("that is too long is rejected", async () => {
    const subject = { id: "did:x:subject", list: Array<number>(200_000).fill(1) };
    await expectRefused(await forgeCredential({ ...credential, credentialSubject: subject }, issuer, format), "too_large");
  });

  it("with a duplicate member at any depth is rejected", async () => {
    const signed = await signedAs(format);
    const twice = (text: string): string => text.replace('"level":"gold"', '"level":"gold","\\u006cevel":"platinum"');
    const doubled = isJson
      ? twice(signed)
      : mapToken(signed, (token) => makeToken(partsOf(token).header, twice(textOf(token)), issuer.key.privateKey));
    expect(doubled).not.toBe(signed);
    await expectRefused(doubled, "malformed");
  });
});

describe.each(JWS_FORMATS)("a tampered JWS in %s", (format) => {
  it.each(["none", "HS256", "RS256", "ES256K", "constructor", ""])("with the algorithm %j is rejected", async (alg) => {
    await expectRefused(alter(await signedAs(format), { header: (header) => ({ ...header, alg }) }), "alg_not_allowed");
  });

  it("with the algorithm none and no signature is rejected", async () => {
    const signed = await signedAs(format);
    await expectRefused(
      mapToken(signed, (token) => makeToken({ ...partsOf(token).header, alg: "none" }, partsOf(token).payload)),
      "alg_not_allowed",
    );
  });

  it("with an HMAC keyed with the public key is rejected", async () => {
    const signed = await signedAs(format);
    const secret = Buffer.from(issuer.publicJwk.x ?? "", "base64url");
    const forged = mapToken(signed, (token) => {
      const input = makeToken({ ...partsOf(token).header, alg: "HS256" }, partsOf(token).payload).slice(0, -1);
      return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
    });
    await expectRefused(forged, "alg_not_allowed");
  });

  it("with the algorithm of another kind of key is rejected", async () => {
    await expectRefused(alter(await signedAs(format), { header: (header) => ({ ...header, alg: "ES256" }) }), "alg_not_allowed");
  });

  it.each([
    ["crit", { crit: ["exp"], exp: 1 }],
    ["an empty crit", { crit: [] }],
    ["an unencoded payload", { b64: false }],
  ])("with %s is rejected", async (_, members) => {
    await expectRefused(
      resign(await signedAs(format), issuer.key.privateKey, { header: (header) => ({ ...header, ...members }) }),
      "crit_unsupported",
    );
  });

  it("that carries its own key is rejected, in any header", async () => {
    const jwk = mallory.publicJwk as JsonObject;
    const own = { jwk, jku: "https://mallory.example/keys", x5c: ["AAAA"], x5u: "https://mallory.example/cert" };
    await expectRefused(
      resign(await signedAs(format), mallory.key.privateKey, { header: (header) => ({ ...header, ...own }) }),
      "signature_invalid",
    );
  });

  it("with the iss of another DID is rejected, in the claims and in the header", async () => {
    const iss = mallory.did;
    const signed = await signedAs(format);
    await expectRefused(resign(signed, issuer.key.privateKey, { payload: (payload) => ({ ...payload, iss }) }), "issuer_mismatch");
    await expectRefused(resign(signed, issuer.key.privateKey, { header: (header) => ({ ...header, iss }) }), "issuer_mismatch");
  });

  it.each([
    ["jti", "urn:uuid:2"],
    ["sub", "did:x:somebody-else"],
  ])("with a %s that contradicts the credential is rejected", async (claim, value) => {
    const signed = resign(await signedAs(format), issuer.key.privateKey, { payload: (payload) => ({ ...payload, [claim]: value }) });
    await expectRefused(signed, "claims_invalid");
  });

  it.each([
    ["exp", "soon"],
    ["nbf", "1767225600"],
    ["iat", {}],
    ["aud", [1]],
    ["iss", 1],
    ["jti", {}],
  ])("with a %s of %j is rejected", async (claim, value) => {
    const signed = resign(await signedAs(format), issuer.key.privateKey, { payload: (payload) => ({ ...payload, [claim]: value }) });
    await expectRefused(signed, "claims_invalid");
  });

  it("is rejected by a verifier outside its audience", async () => {
    const signed = resign(await signedAs(format), issuer.key.privateKey, { payload: (payload) => ({ ...payload, aud: "did:x:verifier" }) });
    await expectRefused(signed, "audience_mismatch");
    await expect(verifyCredential(signed, { resolver, now, audience: "did:x:verifier" })).resolves.toMatchObject({ credential });
  });

  it("with a different encoding of the same base64url bytes is rejected", async () => {
    const signed = await signedAs(format);
    // The last of 86 characters holds two bits of the signature and four that must be zero.
    const respelt = mapToken(signed, (token) => token.slice(0, -1) + ({ A: "B", Q: "R", g: "h", w: "x" }[token.slice(-1)] ?? "="));
    await expectRefused(respelt, "malformed");
  });
});

function textOf(token: string): string {
  return Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
}
