import type { JsonObject } from "@parley/core";
import { didKeyDocument, publicKeyJwk } from "@parley/did";
import { rejectionOf } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { signCredential, signPresentation, verifyCredential, verifyPresentation } from "../../src/index.ts";
import type { VerifyingKey } from "../../src/keys/curves.ts";
import { importPublicJwk } from "../../src/keys/import-public-jwk.ts";
import { CREDENTIAL } from "../../src/kind.ts";
import { decodeProofValue, encodeProofValue } from "../../src/proof/proof-value.ts";
import { hashData, verifyHashData } from "../../src/proof/cryptosuite.ts";
import { readProof } from "../../src/proof/proof.ts";
import { expectVcError } from "../expect-error.ts";
import { alterProof } from "../forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "../parties.ts";
import { HASH_DATA, VECTORS } from "./vectors.ts";

const issuer = makeParty("issuer");
const elliptic = makeParty("elliptic", "P-256");
const resolver = resolverOf(issuer, elliptic);
const credential = credentialFor(issuer, "did:x:subject");
const now = (): number => NOW;
const signed = await signCredential(credential, { key: issuer.key, format: "json", now });

async function publicKeyOf(multikey: string): Promise<VerifyingKey> {
  const [method] = didKeyDocument(`did:key:${multikey}`).verificationMethod;
  if (method === undefined) throw new Error("no key");
  return importPublicJwk(publicKeyJwk(method), multikey);
}

describe("the specifications' test vectors", () => {
  it.each(VECTORS)("$name", async (vector) => {
    const { proof, document } = readProof(vector.signed, CREDENTIAL);
    const key = await publicKeyOf(vector.publicKey);
    await expect(verifyHashData(proof.value, { document, ...proof }, key)).resolves.toBeUndefined();
    const changed = { ...document, name: "Another" };
    expectVcError(await rejectionOf(verifyHashData(proof.value, { document: changed, ...proof }, key)), "signature_invalid");
  });

  it("have the same hash of proof options and document", async () => {
    const hash = await hashData(HASH_DATA.document, HASH_DATA.options, "Ed25519");
    expect(Buffer.from(hash).toString("hex")).toBe(HASH_DATA.hex);
  });
});

describe("a Data Integrity proof", () => {
  it("has its type, purpose and creation time", () => {
    const { proof, ...document } = JSON.parse(signed) as JsonObject;
    expect(document).toEqual(credential);
    expect(proof).toEqual({
      "@context": credential["@context"],
      type: "DataIntegrityProof",
      cryptosuite: "eddsa-jcs-2022",
      created: "2026-03-01T12:00:00Z",
      verificationMethod: issuer.key.kid,
      proofPurpose: "assertionMethod",
      proofValue: expect.stringMatching(/^z[1-9A-HJ-NP-Za-km-z]{80,90}$/) as string,
    });
  });

  it("is returned without its value", async () => {
    const { headers } = await verifyCredential(signed, { resolver, now });
    expect(headers).toMatchObject({ cryptosuite: "eddsa-jcs-2022", verificationMethod: issuer.key.kid });
    expect(headers).not.toHaveProperty("proofValue");
  });

  it("covers its own options", async () => {
    const later = alterProof(signed, (proof) => ({ ...proof, created: "2026-03-02T00:00:00Z" }));
    expectVcError(await rejectionOf(verifyCredential(later, { resolver, now })), "signature_invalid");
    const more = alterProof(signed, (proof) => ({ ...proof, nonce: "n" }));
    expectVcError(await rejectionOf(verifyCredential(more, { resolver, now })), "signature_invalid");
  });

  it("is independent of the order of members", async () => {
    const document = JSON.parse(signed) as JsonObject;
    const reversed = JSON.stringify(Object.fromEntries(Object.entries(document).toReversed()));
    expect(reversed).not.toBe(signed);
    expect((await verifyCredential(reversed, { resolver, now })).credential).toEqual(credential);
  });

  it("excludes a context that was appended after signing", async () => {
    const document = JSON.parse(signed) as JsonObject;
    const extended = { ...document, "@context": [...(document["@context"] as string[]), "https://mallory.example/context"] };
    const verified = await verifyCredential(JSON.stringify(extended), { resolver, now });
    expect(verified.credential["@context"]).toEqual(credential["@context"]);
  });

  it("is rejected if the document's context does not start with the proof's", async () => {
    const document = JSON.parse(signed) as JsonObject;
    const other = { ...document, "@context": ["https://mallory.example/context", ...(document["@context"] as string[])] };
    expectVcError(await rejectionOf(verifyCredential(JSON.stringify(other), { resolver, now })), "proof_invalid");
  });

  it.each([
    ["another type", { type: "Ed25519Signature2020" }, "format_unsupported"],
    ["no type", { type: undefined }, "format_unsupported"],
    ["an unknown cryptosuite", { cryptosuite: "eddsa-rdfc-2022" }, "alg_not_allowed"],
    ["no cryptosuite", { cryptosuite: undefined }, "proof_invalid"],
    ["the cryptosuite of another kind of key", { cryptosuite: "ecdsa-jcs-2019" }, "alg_not_allowed"],
    ["another purpose", { proofPurpose: "authentication" }, "proof_invalid"],
    ["no purpose", { proofPurpose: undefined }, "proof_invalid"],
    ["a previous proof", { previousProof: "urn:uuid:1" }, "proof_invalid"],
    ["an invalid date", { created: "yesterday" }, "proof_invalid"],
    ["a date without a time zone", { created: "2026-03-01T12:00:00" }, "proof_invalid"],
    ["an invalid expiry date", { expires: 1 }, "proof_invalid"],
    ["an end that has come", { expires: "2026-03-01T11:59:00Z" }, "signature_invalid"],
    ["no value", { proofValue: undefined }, "proof_invalid"],
    ["a value in another base", { proofValue: "uAAAA" }, "proof_invalid"],
    ["a value that is not base58", { proofValue: "z0OIl" }, "proof_invalid"],
    ["a value that is too long", { proofValue: `z${"1".repeat(10_000)}` }, "proof_invalid"],
    ["a value that is too short", { proofValue: "z1111" }, "signature_invalid"],
    ["no verification method", { verificationMethod: undefined }, "proof_invalid"],
    ["a relative verification method", { verificationMethod: "#key" }, "kid_invalid"],
    ["a verification method of another DID", { verificationMethod: elliptic.key.kid }, "issuer_mismatch"],
    ["a verification method that is an object", { verificationMethod: { id: issuer.key.kid } }, "proof_invalid"],
  ] as const)("is rejected with %s", async (_, members, code) => {
    const changed = alterProof(signed, (proof) => ({ ...proof, ...members }));
    expectVcError(await rejectionOf(verifyCredential(changed, { resolver, now })), code);
  });

  it("is rejected next to another one", async () => {
    const document = JSON.parse(signed) as JsonObject;
    const pair = JSON.stringify({ ...document, proof: [document["proof"] as JsonObject, document["proof"] as JsonObject] });
    expectVcError(await rejectionOf(verifyCredential(pair, { resolver, now })), "proof_invalid");
    const alone = JSON.stringify({ ...document, proof: [document["proof"] as JsonObject] });
    await expect(verifyCredential(alone, { resolver, now })).resolves.toMatchObject({ credential });
  });

  it("expires", async () => {
    const presented = await signPresentation([], { holder: issuer.did, key: issuer.key, format: "json", lifetimeMs: 60_000, now });
    expect(JSON.parse(presented)).toMatchObject({ proof: { proofPurpose: "authentication", expires: "2026-03-01T12:01:00Z" } });
    const at = (ms: number): Promise<unknown> => verifyPresentation(presented, { resolver, now: () => NOW + ms });
    await expect(at(89_999)).resolves.toBeDefined();
    expectVcError(await rejectionOf(at(90_000)), "signature_expired");
  });

  it("of a presentation has nonce and audience as challenge and domain", async () => {
    const options = { holder: issuer.did, key: issuer.key, format: "json", nonce: "n-1", audience: "did:x:verifier", now } as const;
    const presented = await signPresentation([signed], options);
    expect(JSON.parse(presented)).toMatchObject({ proof: { challenge: "n-1", domain: "did:x:verifier" } });
    expectVcError(await rejectionOf(verifyCredential(presented, { resolver, now })), "proof_invalid");
  });

  it("cannot cover an unpaired surrogate", async () => {
    const broken = { ...credential, name: "\ud800" };
    expectVcError(await rejectionOf(signCredential(broken, { key: issuer.key, format: "json", now })), "malformed");
  });
});

describe("proofValue", () => {
  it("round-trips signatures of up to 96 bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), (bytes) => {
        expect(decodeProofValue(encodeProofValue(bytes))).toEqual(Uint8Array.from(bytes));
      }),
    );
  });

  it("has one encoding per signature", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 150 }), (suffix) => {
        const text = `z${suffix}`;
        const bytes = decodeProofValue(text);
        expect(bytes === undefined || encodeProofValue(bytes) === text).toBe(true);
      }),
    );
  });
});
