import { createPublicKey, type KeyObject } from "node:crypto";
import { DataIntegrityProof } from "@digitalbazaar/data-integrity";
import { generate } from "@digitalbazaar/ed25519-multikey";
import { createSignCryptosuite, createVerifyCryptosuite } from "@digitalbazaar/eddsa-jcs-2022-cryptosuite";
import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { EdDSASigner, ES256KSigner, ES256Signer } from "did-jwt";
import {
  createVerifiableCredentialJwt,
  createVerifiablePresentationJwt,
  verifyCredential as verifyElsewhere,
  verifyPresentation as verifyPresentationElsewhere,
} from "did-jwt-vc";
import { createSigner, createVerifier } from "fast-jwt";
import { describe, expect, it } from "vitest";
import { signCredential, signPresentation, verifyCredential, verifyPresentation } from "../../src/index.ts";
import { base58 } from "@scure/base";
import { expectVcError } from "../expect-error.ts";
import { credentialFor, makeParty, NOW, resolverOf, type Party, type TestCurve } from "../parties.ts";

const now = (): number => NOW;
const pem = { format: "pem", type: "pkcs8" } as const;

function publicPem({ publicJwk }: Party): string {
  return createPublicKey({ key: publicJwk, format: "jwk" }).export({ format: "pem", type: "spki" }).toString();
}

describe.each([
  ["Ed25519", "EdDSA"],
  ["P-256", "ES256"],
  ["P-384", "ES384"],
  ["P-521", "ES512"],
] as const)("fast-jwt, with keys of %s", (curve: TestCurve, algorithm) => {
  const issuer = makeParty("issuer", curve);
  const resolver = resolverOf(issuer);
  const credential = credentialFor(issuer, "did:x:subject");

  it("creates credentials that verify here", async () => {
    const { kid, privateKey } = issuer.key;
    const sign = createSigner({
      algorithm,
      key: privateKey.export(pem).toString(),
      header: { alg: algorithm, typ: "vc+jwt", cty: "vc", kid },
      noTimestamp: true,
    });
    const token = sign({ ...credential });
    expect(await verifyCredential(token, { resolver, now })).toMatchObject({ credential, format: "compact_jwt" });
    expectVcError(await rejectionOf(verifyCredential(`${token.slice(0, -10)}AAAAAAAAAA`, { resolver, now })), "signature_invalid");
  });

  // Ours don't sign with P-521.
  if (curve === "P-521") return;
  it("verifies our credentials", async () => {
    const signed = await signCredential(credential, { key: issuer.key, now });
    const verify = createVerifier({ key: publicPem(issuer), algorithms: [algorithm] });
    expect(verify(signed)).toEqual({ ...credential, iat: NOW / 1000 });
    expect(() => void verify(`${signed.slice(0, -10)}AAAAAAAAAA`)).toThrow(/signature/);
  });
});

describe.each([
  ["EdDSA", "Ed25519", EdDSASigner],
  ["ES256K", "secp256k1", ES256KSigner],
] as const)("did-jwt-vc, which is of VCDM 1.1, with %s", (alg, curve, theirSigner) => {
  const issuer = makeParty("issuer", curve);
  const holder = makeParty("holder", "P-256");
  const resolver = resolverOf(issuer, holder);
  const credential = {
    "@context": ["https://www.w3.org/2018/credentials/v1"],
    id: "urn:uuid:1",
    type: ["VerifiableCredential"],
    issuer: issuer.did,
    issuanceDate: "2026-01-01T00:00:00Z",
    expirationDate: "2056-01-01T00:00:00Z",
    credentialSubject: { id: holder.did, level: "gold" },
  };
  const theirIssuer = { did: issuer.did, signer: theirSigner(secretOf(issuer.key.privateKey)), alg };
  const theirHolder = { did: holder.did, signer: ES256Signer(secretOf(holder.key.privateKey)), alg: "ES256" };
  const theirResolver = { resolve: async (did: string) => didResolution([issuer, holder].find((party) => party.did === did)) };

  it("creates credentials that verify here, without a kid and with members that only the claims contain", async () => {
    const token = await createVerifiableCredentialJwt(credential, theirIssuer);
    const verified = await verifyCredential(token, { resolver, now });
    expect(verified).toMatchObject({ format: "jwt", issuer: issuer.did, headers: { alg, typ: "JWT" } });
    const dates = { issuanceDate: "2026-01-01T00:00:00Z", expirationDate: "2056-01-01T00:00:00Z" };
    expect(verified.credential).toEqual({ ...credential, ...dates });
  });

  it("creates presentations that verify here", async () => {
    const token = await createVerifiableCredentialJwt(credential, theirIssuer);
    const vp = {
      "@context": ["https://www.w3.org/2018/credentials/v1"],
      type: ["VerifiablePresentation"],
      holder: holder.did,
      verifiableCredential: [token],
    };
    const presented = await createVerifiablePresentationJwt(vp, theirHolder, { domain: "did:x:verifier", challenge: "n-1" });
    const options = { resolver, now, audience: "did:x:verifier", nonce: "n-1" };
    expect(await verifyPresentation(presented, options)).toMatchObject({ format: "jwt", holder: holder.did });
    expectVcError(await rejectionOf(verifyPresentation(presented, { ...options, nonce: "n-2" })), "nonce_mismatch");
  });

  it("verifies our credentials and presentations", async () => {
    const options = { format: "jwt" } as const;
    const signed = await signCredential(credential, { key: issuer.key, ...options });
    const { verifiableCredential } = await verifyElsewhere(signed, theirResolver);
    expect(verifiableCredential.credentialSubject).toEqual(credential.credentialSubject);
    const presented = await signPresentation([signed], {
      holder: holder.did,
      key: holder.key,
      nonce: "n-1",
      audience: "did:x:verifier",
      ...options,
    });
    const { verifiablePresentation } = await verifyPresentationElsewhere(presented, theirResolver, {
      domain: "did:x:verifier",
      challenge: "n-1",
    });
    expect(verifiablePresentation.holder).toBe(holder.did);
    await expect(verifyElsewhere(`${signed.slice(0, -10)}AAAAAAAAAA`, theirResolver)).rejects.toThrow(/invalid_signature/);
  });
});

describe("Digital Bazaar's eddsa-jcs-2022", () => {
  const issuer = makeParty("issuer");
  const credential = credentialFor(issuer, "did:x:subject");

  it("creates proofs that verify here", async () => {
    const pair = await generate();
    const did = `did:key:${pair.publicKeyMultibase}`;
    Object.assign(pair, { id: `${did}#${pair.publicKeyMultibase}`, controller: did });
    const suite = new DataIntegrityProof({ cryptosuite: createSignCryptosuite(), signer: pair.signer(), date: "2026-03-01T12:00:00Z" });
    const document: JsonObject = { ...credential, issuer: did };
    const purpose = { update: async (proof: JsonObject) => ({ ...proof, proofPurpose: "assertionMethod" }) };
    const proof = await suite.createProof({ document: { ...document }, purpose });
    const verified = await verifyCredential(JSON.stringify({ ...document, proof }), { resolver: resolverOf(), now });
    expect(verified).toMatchObject({ credential: document, format: "json", issuer: did });
  });

  it("verifies our credentials", async () => {
    const { proof, ...document } = JSON.parse(await signCredential(credential, { key: issuer.key, format: "json", now })) as {
      proof: JsonObject;
    };
    const suite = new DataIntegrityProof({ cryptosuite: createVerifyCryptosuite() });
    const raw = Buffer.concat([Buffer.from([0xed, 1]), Buffer.from(issuer.publicJwk.x ?? "", "base64url")]);
    const method = {
      "@context": "https://w3id.org/security/multikey/v1",
      id: issuer.key.kid,
      type: "Multikey",
      controller: issuer.did,
      publicKeyMultibase: `z${base58.encode(raw)}`,
    };
    const documentLoader = async (): Promise<{ document: JsonObject }> => ({ document: method });
    const check = (changed: JsonObject): Promise<{ verified: boolean }> => suite.verifyProof({ document: changed, proof, documentLoader });
    expect(await check({ ...document })).toMatchObject({ verified: true });
    expect(await check({ ...document, name: "Another" })).toMatchObject({ verified: false });
  });
});

/** The secret scalar or seed, which did-jwt wants bare. */
function secretOf(key: KeyObject): Uint8Array {
  const { d = "" } = key.export({ format: "jwk" });
  return new Uint8Array(Buffer.from(d, "base64url"));
}

function didResolution(party: Party | undefined): { didResolutionMetadata: object; didDocument: never; didDocumentMetadata: object } {
  const { verificationMethod = [], ...document } = party?.document ?? {};
  const methods = verificationMethod.map((method) => ({ ...method, type: "JsonWebKey2020" }));
  return { didResolutionMetadata: {}, didDocument: { ...document, verificationMethod: methods } as never, didDocumentMetadata: {} };
}
