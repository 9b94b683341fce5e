import { generateKeyPairSync } from "node:crypto";
import type { JsonObject } from "@parley/core";
import { DidError, type DidDocument, type DidResolver, type ResolveOptions } from "@parley/did";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { signCredential, verifyCredential } from "../src/index.ts";
import { expectVcError } from "./expect-error.ts";
import { makeToken, resign } from "./forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "./parties.ts";

const issuer = makeParty("issuer");
const credential = credentialFor(issuer, "did:x:subject");
const now = (): number => NOW;
const signed = await signCredential(credential, { key: issuer.key, now });

/** A resolver that gives these documents one after the other, and notes how it was asked. */
function resolverGiving(...documents: readonly DidDocument[]): DidResolver & { readonly asked: ResolveOptions[] } {
  const asked: ResolveOptions[] = [];
  return {
    asked,
    resolve: async (_, options = {}) => {
      asked.push(options);
      return documents[Math.min(asked.length, documents.length) - 1] as DidDocument;
    },
  };
}

describe("a key", () => {
  const without: DidDocument = { ...issuer.document, verificationMethod: [], assertionMethod: [] };
  const unlisted: DidDocument = { ...issuer.document, assertionMethod: [] };

  it("missing from the document is looked up again, in a document of at most 30 seconds", async () => {
    const resolver = resolverGiving(without, issuer.document);
    await expect(verifyCredential(signed, { resolver, now })).resolves.toMatchObject({ credential });
    expect(resolver.asked).toEqual([{}, { maxAgeMs: 30_000 }]);
  });

  it("in the document is not looked up again", async () => {
    const resolver = resolverGiving(issuer.document);
    await verifyCredential(signed, { resolver, now });
    expect(resolver.asked).toEqual([{}]);
  });

  it("that does not exist or has another purpose is looked up at most twice", async () => {
    const resolver = resolverGiving(without, without, issuer.document);
    expectVcError(await rejectionOf(verifyCredential(signed, { resolver, now })), "key_not_found");
    const other = resolverGiving(unlisted, unlisted, issuer.document);
    expectVcError(await rejectionOf(verifyCredential(signed, { resolver: other, now })), "key_purpose");
  });

  it.each([
    ["X25519", generateKeyPairSync("x25519", { publicKeyEncoding: { format: "jwk" } } as never)],
    ["nothing known", { publicKey: { kty: "AKP" } }],
  ])("of %s does not verify credentials", async (_, pair) => {
    const { publicKey } = pair as unknown as { publicKey: JsonObject };
    const [method] = issuer.document.verificationMethod;
    const document = { ...issuer.document, verificationMethod: [{ ...method, publicKeyJwk: publicKey }] } as DidDocument;
    expectVcError(await rejectionOf(verifyCredential(signed, { resolver: resolverGiving(document), now })), "key_unsupported");
  });

  it("of P-521 verifies signatures", async () => {
    const other = makeParty("other", "P-521");
    const token = makeToken(
      { alg: "ES512", kid: other.key.kid, typ: "vc+jwt" },
      { ...credential, issuer: other.did },
      other.key.privateKey,
    );
    await expect(verifyCredential(token, { resolver: resolverOf(other), now })).resolves.toMatchObject({ issuer: other.did });
    expect(await rejectionOf(signCredential(credential, { key: other.key }))).toBeInstanceOf(TypeError);
  });

  it.each([
    ["ES256", "P-384"],
    ["ES384", "P-256"],
    ["EdDSA", "P-256"],
    ["ES256", "secp256k1"],
    ["ES256K", "P-256"],
  ] as const)("does not verify %s with %s", async (alg, curve) => {
    const other = makeParty("other", curve);
    const token = await signCredential({ ...credential, issuer: other.did }, { key: other.key, now });
    const claimed = resign(token, other.key.privateKey, { header: (header) => ({ ...header, alg }) });
    expectVcError(await rejectionOf(verifyCredential(claimed, { resolver: resolverOf(other), now })), "alg_not_allowed");
  });

  it("of a did:key is taken from the DID", async () => {
    const [ed] = [makeParty("ed")];
    const multibase = Buffer.concat([Buffer.from([0xed, 1]), Buffer.from(ed.publicJwk.x ?? "", "base64url")]);
    const { base58 } = await import("@scure/base");
    const id = `z${base58.encode(multibase)}`;
    const did = `did:key:${id}`;
    const key = { kid: `${did}#${id}`, privateKey: ed.key.privateKey };
    const own = await signCredential({ ...credential, issuer: did }, { key, now });
    await expect(verifyCredential(own, { resolver: resolverOf(), now })).resolves.toMatchObject({ issuer: did });
  });
});

describe("a DID that cannot be resolved", () => {
  it.each([
    ["timeout", true],
    ["fetch_failed", true],
    ["not_found", false],
  ] as const)("because of %s gives a retryable error: %s", async (code, retryable) => {
    const cause = new DidError(code, "No");
    const resolver = { resolve: () => Promise.reject(cause) };
    const error = expectVcError(await rejectionOf(verifyCredential(signed, { resolver, now })), "resolution_failed");
    expect(error.retryable).toBe(retryable);
    expect(error.cause).toBe(cause);
  });
});
