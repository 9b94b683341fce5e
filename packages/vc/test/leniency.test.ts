import type { JsonObject } from "@parley/core";
import type { DidDocument } from "@parley/did";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import {
  decodeCredential,
  signCredential,
  signPresentation,
  verifyCredential,
  verifyPresentation,
  type CredentialFormat,
} from "../src/index.ts";
import { importSigner } from "../src/keys/signing-key.ts";
import { CREDENTIAL } from "../src/kind.ts";
import { base58 } from "@scure/base";
import { secure } from "../src/secure.ts";
import { expectVcError } from "./expect-error.ts";
import { forgeCredential, forgePresentation, FORMATS, JWS_FORMATS, makeToken, resign } from "./forge.ts";
import { credentialFor, makeParty, NOW, resolverOf, type Party, type TestCurve } from "./parties.ts";

const issuer = makeParty("issuer");
const other = makeParty("other");
const resolver = resolverOf(issuer, other);
const now = (): number => NOW;
const credential = credentialFor(issuer, "did:x:subject");
const { kid, privateKey } = issuer.key;

describe.each(FORMATS)("a credential of another issuer, in %s", (format) => {
  it.each<[string, JsonObject]>([
    ["id", { id: "58172aac-d8ba-11ed-83dd-0b3aef56cc33" }],
    ["id of its subject", { credentialSubject: { id: "subject 1" } }],
    ["id of its evidence", { evidence: [{ id: "e", type: "Evidence" }] }],
    ["id of its terms of use", { termsOfUse: { id: "t", type: "Terms" } }],
  ])("can have any string as the %s", async (_, members) => {
    const document = { ...credential, ...members };
    const signed = await forgeCredential(document, issuer, format);
    expect((await verifyCredential(signed, { resolver, now })).credential).toEqual(document);
  });

  it.each<JsonObject>([
    { id: "" },
    { id: 1 },
    { id: ["urn:uuid:1"] },
    { id: "x".repeat(2049) },
    { evidence: { id: {}, type: "Evidence" } },
    { credentialSchema: { id: "schema", type: "JsonSchema" } },
    { relatedResource: { id: "resource", digestSRI: "x" } },
    { name: { "@value": "x", "@language": "en", extra: 1 } },
    { issuer: { id: issuer.did, name: { "@value": "x", "@language": "en", extra: 1 } } },
  ])("is rejected with %j", async (members) => {
    const signed = await forgeCredential({ ...credential, ...members }, issuer, format);
    const { code } = (await rejectionOf(verifyCredential(signed, { resolver, now }))) as { code?: string };
    expect(["credential_invalid", "claims_invalid"]).toContain(code);
  });

  it("is accepted with surrounding white space", async () => {
    const signed = await signCredential(credential, { key: issuer.key, format, now });
    expect((await verifyCredential(`\n\t ${signed}\r\n`, { resolver, now })).credential).toEqual(credential);
    expect(decodeCredential(` ${signed} `)).toEqual(decodeCredential(signed));
    if (format !== "json") expectVcError(await rejectionOf(verifyCredential(signed.replace("ey", "e y"), { resolver, now })), "malformed");
  });
});

/** The credential with another `kid`, signed by a party. */
async function namedAs(name: string, format: CredentialFormat, party: Party = issuer): Promise<string> {
  const signed = await signCredential(credential, { key: issuer.key, format, now });
  return resign(signed, party.key.privateKey, { header: (header) => ({ ...header, kid: name }) });
}

/** The credential with a proof by the issuer's key, under another name. */
async function provenAs(verificationMethod: string): Promise<string> {
  const signer = { ...(await importSigner(issuer.key)), kid: verificationMethod };
  return secure(credential, { kind: CREDENTIAL, party: issuer.did, now: NOW }, signer, "json");
}

describe.each(JWS_FORMATS)("a kid without a fragment, in %s", (format) => {
  it.each([issuer.did, `${issuer.did}#`])("is accepted if it is the issuer's DID: %s", async (name) => {
    expect((await verifyCredential(await namedAs(name, format), { resolver, now })).credential).toEqual(credential);
  });

  it("is rejected if it is another DID or a key of another DID", async () => {
    for (const name of [other.did, other.key.kid]) {
      for (const party of [issuer, other]) {
        const error = await rejectionOf(verifyCredential(await namedAs(name, format, party), { resolver, now }));
        expectVcError(error, "issuer_mismatch");
      }
    }
  });

  it("does not accept the key of another DID", async () => {
    expectVcError(await rejectionOf(verifyCredential(await namedAs(issuer.did, format, other), { resolver, now })), "signature_invalid");
  });

  it("is rejected if the DID has no key for the purpose", async () => {
    const signing = makeParty("issuer", "Ed25519", ["authentication"]);
    const signed = resign(await namedAs(issuer.did, format), signing.key.privateKey, {});
    expectVcError(await rejectionOf(verifyCredential(signed, { resolver: resolverOf(signing), now })), "key_not_found");
  });

  it("can be the holder's DID in a presentation", async () => {
    const context = format === "jwt" ? "https://www.w3.org/2018/credentials/v1" : "https://www.w3.org/ns/credentials/v2";
    for (const holder of [{ holder: issuer.did }, {}]) {
      const document = { "@context": [context], type: ["VerifiablePresentation"], ...holder };
      const signed = await forgePresentation(document, issuer, format);
      const presented = resign(signed, privateKey, { header: (header) => ({ ...header, kid: issuer.did }) });
      await expect(verifyPresentation(presented, { resolver, now })).resolves.toMatchObject({ holder: issuer.did });
    }
  });

  it("tries no more than 8 keys", async () => {
    const decoys = Array.from({ length: 8 }, (_, i) => methodOf(makeParty("issuer"), i));
    const crowded = { ...issuer, document: withMethods(decoys.slice(0, 7)) };
    const overcrowded = { ...issuer, document: withMethods(decoys) };
    const signed = await namedAs(issuer.did, format);
    await expect(verifyCredential(signed, { resolver: resolverOf(crowded), now })).resolves.toMatchObject({ credential });
    expectVcError(await rejectionOf(verifyCredential(signed, { resolver: resolverOf(overcrowded), now })), "signature_invalid");
  });
});

describe("a proof whose verification method is the issuer's DID", () => {
  it("is accepted", async () => {
    expect((await verifyCredential(await provenAs(issuer.did), { resolver, now })).credential).toEqual(credential);
    expectVcError(await rejectionOf(verifyCredential(await provenAs(other.did), { resolver, now })), "issuer_mismatch");
  });
});

describe.each<TestCurve>(["Ed25519", "P-256", "P-384"])("a holder whose did:key is a canonical JWK of %s", (curve) => {
  it("issues and presents in every format", async () => {
    const { publicJwk, key } = makeParty("holder", curve);
    const { crv, kty, x, y } = publicJwk;
    const bytes = Buffer.from(JSON.stringify({ crv, kty, x, y }));
    const id = `z${base58.encode(Uint8Array.of(0xd1, 0xd6, 0x03, ...bytes))}`;
    const did = `did:key:${id}`;
    const own = { kid: `${did}#${id}`, privateKey: key.privateKey };
    for (const format of FORMATS) {
      const signed = await signCredential({ ...credential, issuer: did }, { key: own, format, now });
      const presented = await signPresentation([signed], { holder: did, key: own, format, nonce: "n", now });
      const verified = await verifyPresentation(presented, { resolver, nonce: "n", now });
      expect([verified.holder, verified.credentials[0]?.issuer]).toEqual([did, did]);
    }
  });
});

describe("dates of a JWT", () => {
  const seconds = NOW / 1000;
  const { validFrom: _, validUntil: __, ...undated } = credential;
  const compact = (claims: JsonObject): string => makeToken({ alg: "EdDSA", kid, typ: "vc+jwt" }, { ...undated, ...claims }, privateKey);
  const vcdm11 = (claims: JsonObject): string => {
    const vc = { ...undated, "@context": ["https://www.w3.org/2018/credentials/v1"] };
    return makeToken({ alg: "EdDSA", kid }, { iss: issuer.did, nbf: seconds, ...claims, vc }, privateKey);
  };

  it.each([compact, vcdm11])("can be before 1970, or beyond the range of Date", async (make) => {
    for (const nbf of [-142_128_000, -0.5, 0, -62_135_596_800, -1e15, -1e300, seconds + 0.25]) {
      await expect(verifyCredential(make({ nbf }), { resolver, now })).resolves.toBeDefined();
    }
    for (const exp of [253_402_300_800, 1e15, 1e300]) {
      await expect(verifyCredential(make({ exp }), { resolver, now })).resolves.toBeDefined();
    }
    for (const iat of [-142_128_000, 1e300, "2026-01-01T00:00:00Z", "1767225600", "yesterday"]) {
      await expect(verifyCredential(make({ iat }), { resolver, now })).resolves.toBeDefined();
    }
  });

  it.each([-142_128_000, -1, -0.5, -1e15, -1e300, 0])("are expired with an exp of %d", async (exp) => {
    expectVcError(await rejectionOf(verifyCredential(compact({ exp }), { resolver, now })), "signature_expired");
    expectVcError(await rejectionOf(verifyCredential(vcdm11({ nbf: -1e300, exp }), { resolver, now })), "expired");
  });

  it("are restored to a credential of VCDM 1.1", async () => {
    const { credential: read } = await verifyCredential(vcdm11({ nbf: -142_128_000 }), { resolver, now });
    expect(read).toMatchObject({ issuanceDate: "1965-07-01T00:00:00Z" });
    const { credential: farthest } = await verifyCredential(vcdm11({ nbf: -1e300, exp: 1e300 }), { resolver, now });
    expect(farthest).toMatchObject({ issuanceDate: "0000-01-01T00:00:00Z", expirationDate: "9999-12-31T23:59:59Z" });
  });

  it.each([-1.75, -1.25, 0.5])("can be rounded in either direction from a date with a fraction: %d", async (time) => {
    const vc = {
      ...undated,
      "@context": ["https://www.w3.org/2018/credentials/v1"],
      issuanceDate: new Date(time * 1000).toISOString(),
    };
    for (const nbf of [Math.floor(time), Math.ceil(time), Math.trunc(time), time]) {
      const token = makeToken({ alg: "EdDSA", kid }, { iss: issuer.did, nbf, vc }, privateKey);
      await expect(verifyCredential(token, { resolver, now })).resolves.toBeDefined();
    }
    const token = makeToken({ alg: "EdDSA", kid }, { iss: issuer.did, nbf: Math.floor(time) - 1, vc }, privateKey);
    expectVcError(await rejectionOf(verifyCredential(token, { resolver, now })), "claims_invalid");
  });
});

describe("an error about time", () => {
  const HOUR = 3_600_000;
  it.each<[string, Promise<string>, number, string]>([
    ["validFrom", signCredential(credential, { key: issuer.key, now }), Date.parse("2025-12-31T22:00:00Z"), "2 h ahead of"],
    ["validUntil", signCredential(credential, { key: issuer.key, now }), Date.parse("2027-01-11T00:00:00Z"), "10 d behind"],
    ["nbf", Promise.resolve(tokenWith({ nbf: (NOW + 2 * HOUR) / 1000 })), NOW, "2 h ahead of"],
    ["exp", Promise.resolve(tokenWith({ exp: NOW / 1000 - 45 })), NOW, "45 s behind"],
  ])("names %s, its distance, and the clock", async (member, signed, time, distance) => {
    const error = (await rejectionOf(verifyCredential(await signed, { resolver, now: () => time }))) as Error;
    expect(error.message).toContain(`${member} is 20`);
    expect(error.message).toContain(`${distance} this verifier's clock`);
  });

  function tokenWith(claims: JsonObject): string {
    return makeToken({ alg: "EdDSA", kid, typ: "vc+jwt" }, { ...credential, ...claims }, privateKey);
  }
});

function methodOf(party: Party, index: number): DidDocument["verificationMethod"][number] {
  return { ...(party.document.verificationMethod[0] as DidDocument["verificationMethod"][number]), id: `${issuer.did}#decoy-${index}` };
}

/** The issuer's document with other keys before its own. */
function withMethods(before: DidDocument["verificationMethod"]): DidDocument {
  const verificationMethod = [...before, ...issuer.document.verificationMethod];
  return { ...issuer.document, verificationMethod, assertionMethod: verificationMethod.map(({ id }) => id) };
}
