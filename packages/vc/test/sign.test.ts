import { generateKeyPairSync, type webcrypto } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { rejectionOf, thrownBy } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { decodeCredential, signCredential, signPresentation, verifyCredential, verifyPresentation } from "../src/index.ts";
import { expectVcError } from "./expect-error.ts";
import { FORMATS, JWS_FORMATS, makeToken } from "./forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "./parties.ts";

const issuer = makeParty("issuer");
const resolver = resolverOf(issuer);
const now = (): number => NOW;
const credential = credentialFor(issuer, "did:x:subject");
const { key } = issuer;

function sign(members: JsonObject): Promise<string> {
  return signCredential({ ...credential, ...members }, { key, now });
}

describe("signCredential", () => {
  it.each(FORMATS)("fills in a missing issuer, and nothing else, in %s", async (format) => {
    const { issuer: _, ...anonymous } = credential;
    const signed = await signCredential(anonymous, { key, format, now });
    expect((await verifyCredential(signed, { resolver, now })).credential).toEqual(credential);
  });

  it("rejects another issuer", async () => {
    expectVcError(await rejectionOf(sign({ issuer: "did:x:other" })), "issuer_mismatch");
    expectVcError(await rejectionOf(sign({ issuer: { id: "did:x:other" } })), "issuer_mismatch");
  });

  it("leaves out members that are undefined, as JSON does", async () => {
    const signed = await sign({ name: undefined });
    expect(decodeCredential(signed).credential).toEqual(credential);
  });

  const url = "https://example.com/1";
  it.each<[path: string, JsonObject]>([
    ["@context", { "@context": undefined }],
    ["@context", { "@context": "https://www.w3.org/ns/credentials/v2" }],
    ["@context[0]", { "@context": [] }],
    ["@context[0]", { "@context": ["https://example.com/context"] }],
    ["@context[0]", { "@context": ["https://example.com/context", "https://www.w3.org/ns/credentials/v2"] }],
    ["@context[1]", { "@context": ["https://www.w3.org/ns/credentials/v2", "no URL"] }],
    ["@context[1]", { "@context": ["https://www.w3.org/ns/credentials/v2", 1] }],
    ["id", { id: "1" }],
    ["id", { id: ["urn:uuid:1"] }],
    ["id", { id: null }],
    ["id", { id: "https://example.com/a b" }],
    ["type", { type: undefined }],
    ["type", { type: [] }],
    ["type", { type: ["MembershipCredential"] }],
    ["type", { type: ["VerifiableCredential", 1] }],
    ["type", { type: ["VerifiableCredential", ""] }],
    ["name", { name: 1 }],
    ["name", { name: [{ "@language": "en" }] }],
    ["description", { description: { "@value": "x", "@language": 1 } }],
    ["name", { name: { "@value": "x", "@language": "en", "@index": "1" } }],
    ["name", { name: { "@value": "x", "@direction": "down" } }],
    ["name", { name: { "@value": 1 } }],
    [
      "name",
      {
        name: [
          { "@value": "x", "@language": "en" },
          { "@value": "y", extra: "z" },
        ],
      },
    ],
    ["description", { description: { "@value": "x", "@language": "en", "@direction": "ltr", url: "y" } }],
    ["issuer.name", { issuer: { id: "did:x:issuer", name: { "@value": "x", "@language": "en", extra: 1 } } }],
    ["issuer.description", { issuer: { id: "did:x:issuer", description: [{ "@value": "x", extra: 1 }] } }],
    ["issuer.name", { issuer: { id: "did:x:issuer", name: 1 } }],
    ["credentialSubject.title", { credentialSubject: { title: { "@value": "x", "@language": "en", extra: 1 } } }],
    ["evidence", { evidence: [{ type: "E", label: [{ "@value": "x", extra: 1 }] }] }],
    ["issuer", { issuer: "issuer" }],
    ["issuer", { issuer: [] }],
    ["issuer.id", { issuer: {} }],
    ["credentialSubject", { credentialSubject: undefined }],
    ["credentialSubject", { credentialSubject: "did:x:subject" }],
    ["credentialSubject", { credentialSubject: [] }],
    ["credentialSubject", { credentialSubject: {} }],
    ["credentialSubject[1]", { credentialSubject: [{ level: 1 }, 1] }],
    ["credentialSubject.id", { credentialSubject: { id: "subject" } }],
    ["validFrom", { validFrom: "2026-01-01" }],
    ["validFrom", { validFrom: 1767225600 }],
    ["validUntil", { validUntil: "2026-01-01T00:00:00" }],
    ["validUntil", { validFrom: "2026-01-02T00:00:00Z", validUntil: "2026-01-01T00:00:00Z" }],
    ["issuanceDate", { issuanceDate: "2026-01-01T00:00:00Z" }],
    ["expirationDate", { expirationDate: "2026-01-01T00:00:00Z" }],
    ["credentialStatus.type", { credentialStatus: {} }],
    ["credentialStatus.id", { credentialStatus: { type: "X", id: "1" } }],
    ["credentialStatus", { credentialStatus: [] }],
    ["credentialStatus[0]", { credentialStatus: [1] }],
    ["credentialSchema.id", { credentialSchema: { type: "JsonSchema" } }],
    ["credentialSchema.type", { credentialSchema: { id: url } }],
    ["credentialSchema[1].id", { credentialSchema: [{ id: url, type: "JsonSchema" }, { type: "JsonSchema" }] }],
    ["refreshService.type", { refreshService: { id: url } }],
    ["termsOfUse.type", { termsOfUse: { id: url } }],
    ["evidence.type", { evidence: [{ id: url }] }],
    ["relatedResource.id", { relatedResource: { digestSRI: "sha384-x" } }],
    ["relatedResource", { relatedResource: { id: url } }],
    [
      "relatedResource",
      {
        relatedResource: [
          { id: url, digestSRI: "x" },
          { id: url, digestSRI: "y" },
        ],
      },
    ],
    ["proof", { proof: { type: "DataIntegrityProof" } }],
    ["iss", { iss: "did:x:issuer" }],
    ["exp", { exp: 1 }],
    ["vc", { vc: {} }],
  ])("names the path %s of an invalid member: %j", async (path, members) => {
    const error = expectVcError(await rejectionOf(sign(members)), "credential_invalid");
    expect(error.message.startsWith(path.replace("evidence.type", "evidence[0].type"))).toBe(true);
  });

  it.each<JsonObject>([
    { name: { "@value": "x" } },
    { name: ["x", { "@value": "y", "@language": "en" }, { "@value": "z", "@language": "ar", "@direction": "rtl" }] },
    { issuer: { id: issuer.did, name: { "@value": "x", "@language": "en" }, description: ["x"] } },
    { credentialSubject: { title: { "@value": "x", "@language": "en" }, name: { given: "Ada", family: "Lovelace" } } },
    { credentialSubject: { born: { "@value": "1815-12-10", "@type": "http://www.w3.org/2001/XMLSchema#date" } } },
  ])("signs strings with and without a language: %j", async (members) => {
    const signed = await sign(members);
    expect((await verifyCredential(signed, { resolver, now })).credential).toEqual({ ...credential, ...members });
  });

  it("signs a credential with every member of VCDM 2.0", async () => {
    const full = {
      ...credential,
      "@context": ["https://www.w3.org/ns/credentials/v2", "https://example.com/context", { level: "https://example.com/level" }],
      name: { "@value": "Mitgliedschaft", "@language": "de" },
      issuer: { id: issuer.did, name: "Issuer" },
      credentialSubject: [{ id: "did:x:subject" }, { level: "gold" }],
      validFrom: "2026-01-01T00:00:00+01:00",
      credentialSchema: [{ id: url, type: "JsonSchema" }],
      termsOfUse: { type: "Policy" },
      evidence: { id: url, type: ["Evidence"] },
      refreshService: { type: "Refresh", url },
      relatedResource: [{ id: url, digestSRI: "sha384-x", mediaType: "text/plain" }],
    };
    for (const format of FORMATS) {
      const signed = await signCredential(full, { key, format, now });
      expect((await verifyCredential(signed, { resolver, now })).credential).toEqual({ ...full });
    }
  });

  it("preserves a member called __proto__", async () => {
    const odd = JSON.parse('{"__proto__":{"level":"platinum"},"level":"gold"}') as JsonObject;
    for (const format of FORMATS) {
      const signed = await signCredential({ ...credential, credentialSubject: odd }, { key, format, now });
      const verified = await verifyCredential(signed, { resolver, now });
      expect(JSON.stringify(verified.credential["credentialSubject"])).toBe(JSON.stringify(odd));
    }
  });

  it("rejects documents that are too large or too deep", async () => {
    expectVcError(await rejectionOf(sign({ name: "x".repeat(300_000) })), "too_large");
    let deep: JsonObject = {};
    for (let i = 0; i < 100; i += 1) deep = { deep };
    expectVcError(await rejectionOf(sign({ credentialSubject: deep })), "too_large");
  });

  it("truncates quoted text in error messages", async () => {
    const error = await rejectionOf(
      signPresentation([JSON.stringify({ proof: { type: "x".repeat(100_000) } })], { holder: issuer.did, key }),
    );
    expect((error as Error).message.length).toBeLessThan(300);
  });

  it.each([
    ["no DID URL", "key-1"],
    ["no fragment", "did:x:issuer"],
    ["an empty fragment", "did:x:issuer#"],
    ["a path", "did:x:issuer/path#key"],
  ])("throws a TypeError for a kid that is %s", async (_, kid) => {
    expect(await rejectionOf(signCredential(credential, { key: { ...key, kid } }))).toBeInstanceOf(TypeError);
  });

  it("throws a TypeError for a key that cannot sign credentials", async () => {
    const keys = [
      generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
      generateKeyPairSync("x25519").privateKey,
      generateKeyPairSync("ec", { namedCurve: "secp521r1" }).privateKey,
      generateKeyPairSync("ed25519").publicKey,
      ((await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as webcrypto.CryptoKeyPair).publicKey,
      await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]),
    ];
    for (const privateKey of keys) {
      expect(await rejectionOf(signCredential(credential, { key: { ...key, privateKey } }))).toBeInstanceOf(TypeError);
    }
  });

  it("throws a TypeError for a document that is not an object, and for an unknown format", async () => {
    expect(await rejectionOf(signCredential(null as never, { key }))).toBeInstanceOf(TypeError);
    expect(await rejectionOf(signCredential([] as never, { key }))).toBeInstanceOf(TypeError);
    expect(await rejectionOf(signCredential(credential, { key, format: "sd-jwt" as never }))).toBeInstanceOf(TypeError);
  });

  it("signs with keys of WebCrypto", async () => {
    const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const { kty, crv, x, y } = jwk;
    const [method] = issuer.document.verificationMethod;
    const document = { ...issuer.document, verificationMethod: [{ ...method, publicKeyJwk: { kty, crv, x, y } }] };
    const party = { ...issuer, document: document as typeof issuer.document };
    for (const format of FORMATS) {
      const signed = await signCredential(credential, { key: { kid: key.kid, privateKey: pair.privateKey }, format, now });
      await expect(verifyCredential(signed, { resolver: resolverOf(party), now })).resolves.toMatchObject({ credential });
    }
  });
});

describe("signPresentation", () => {
  const options = { holder: issuer.did, key, now };

  it("rejects a holder that is not the key's DID", async () => {
    expectVcError(await rejectionOf(signPresentation([], { ...options, holder: "did:x:other" })), "holder_mismatch");
    expectVcError(await rejectionOf(signPresentation([], { ...options, holder: key.kid })), "holder_mismatch");
  });

  it("reports the index of a credential that cannot be parsed", async () => {
    const signed = await sign({});
    const error = expectVcError(await rejectionOf(signPresentation([signed, "hello"], options)), "malformed");
    expect(error.credentialIndex).toBe(1);
    expect(error.message).toContain("Credential 1");
    expect(await rejectionOf(signPresentation([1 as never], options))).toBeInstanceOf(TypeError);
  });

  it("rejects more than 32 credentials, and an empty nonce", async () => {
    const signed = await sign({});
    expectVcError(await rejectionOf(signPresentation(Array<string>(33).fill(signed), options)), "too_large");
    expect(await rejectionOf(signPresentation([], { ...options, nonce: "" }))).toBeInstanceOf(TypeError);
  });

  it.each(JWS_FORMATS)("signs a presentation without credentials, in %s", async (format) => {
    const presented = await signPresentation([], { ...options, format });
    expect(await verifyPresentation(presented, { resolver, now })).toMatchObject({ holder: issuer.did, credentials: [] });
  });
});

describe("decodeCredential", () => {
  it("decodes an expired and revoked credential", async () => {
    const expired = await signCredential({ ...credential, validUntil: "2026-01-02T00:00:00Z" }, { key, now });
    expect(decodeCredential(`${expired.slice(0, -4)}AAAA`).credential).toMatchObject({ validUntil: "2026-01-02T00:00:00Z" });
  });

  it("rejects an unsigned credential", () => {
    const unsigned = makeToken({ alg: "none", typ: "vc+jwt" }, credential);
    expectVcError(
      thrownBy(() => decodeCredential(unsigned)),
      "alg_not_allowed",
    );
  });

  it("rejects malformed text", () => {
    expectVcError(
      thrownBy(() => decodeCredential("hello")),
      "malformed",
    );
    expect(thrownBy(() => decodeCredential(undefined as never))).toBeInstanceOf(TypeError);
  });
});
