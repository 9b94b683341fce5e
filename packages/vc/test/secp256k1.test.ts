import { verify, createPublicKey, type KeyObject } from "node:crypto";
import { createDidResolver, parseDidDocument, type DidResolver } from "@parley/did";
import { rejectionOf } from "@parley/test-assertions";
import { base58 } from "@scure/base";
import { describe, expect, it } from "vitest";
import { signCredential, signPresentation, verifyCredential, verifyPresentation } from "../src/index.ts";
import { expectVcError } from "./expect-error.ts";
import { JWS_FORMATS, partsOf } from "./forge.ts";
import { credentialFor, makeParty, NOW, resolverOf } from "./parties.ts";

const issuer = makeParty("issuer", "secp256k1");
const resolver = resolverOf(issuer);
const credential = credentialFor(issuer, "did:x:subject");
const now = (): number => NOW;
/** Order of the curve. */
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A token that Veramo issued for a did:ethr whose DID contains the key. It has no kid, and no end of validity. */
const VERAMO = {
  did: "did:ethr:goerli:0x0299ddfc7cf8a13fb501f74558716f29b58c2b0a51defa1d76e4ff6cccdd7343f9",
  token:
    "eyJhbGciOiJFUzI1NksiLCJ0eXAiOiJKV1QifQ.eyJ2YyI6eyJAY29udGV4dCI6WyJodHRwczovL3d3dy53My5vcmcvMjAxOC9jcmVkZW50aWFscy92MSIsImh0dHBzOi8vdmVyYW1vLmlvL2NvbnRleHRzL3Byb2ZpbGUvdjEiXSwidHlwZSI6WyJWZXJpZmlhYmxlQ3JlZGVudGlhbCJdLCJjcmVkZW50aWFsU3ViamVjdCI6eyJ5b3UiOiJSb2NrIn19LCJzdWIiOiJkaWQ6ZXRocjpnb2VybGk6MHg2OUQ0OTM5MGE1NzQ4NDU0RjI4NjExRWJDOTBEMGY1YTJkNjc5NTU2IiwibmJmIjoxNjkzODA0NTg5LCJpc3MiOiJkaWQ6ZXRocjpnb2VybGk6MHgwMjk5ZGRmYzdjZjhhMTNmYjUwMWY3NDU1ODcxNmYyOWI1OGMyYjBhNTFkZWZhMWQ3NmU0ZmY2Y2NjZGQ3MzQzZjkifQ.n844P6PipaWGMeYhtzFd5BAGsXGjQwjgcZOT0cMXIK9ONJYdDaWTAuPxIpEsAP1Frdif2Giw9Bg6RFaYSPJdbg",
};

/** The document that ethr-did-resolver creates. Its first key is the address of an account, which cannot be read. */
function ethrResolver(publicKeyHex: string): DidResolver {
  const { did } = VERAMO;
  const address = "eip155:5:0x98A0Dd0f0B9Ec5bbD9Ea5A6BD1Df5bCBa6Ae4B5C";
  const controller = { id: `${did}#controller`, type: "EcdsaSecp256k1RecoveryMethod2020", controller: did, blockchainAccountId: address };
  const key = { id: `${did}#controllerKey`, type: "EcdsaSecp256k1VerificationKey2019", controller: did, publicKeyHex };
  const didDocument = { id: did, verificationMethod: [controller, key], assertionMethod: [controller.id, key.id] };
  return createDidResolver({
    methods: { ethr: async () => ({ didResolutionMetadata: {}, didDocumentMetadata: {}, didDocument }) },
  });
}

/** Replaces the signature of a compact JWS. */
function withSignature(token: string, change: (signature: Buffer) => Buffer): string {
  const [header, payload, signature = ""] = token.split(".");
  return `${header}.${payload}.${change(Buffer.from(signature, "base64url")).toString("base64url")}`;
}

function isOdd(coordinate = ""): boolean {
  return (Buffer.from(coordinate, "base64url").at(-1) ?? 0) % 2 === 1;
}

/** As of RFC 8785: members in alphabetical order. */
function canonicalJwk(): string {
  const { crv, kty, x, y } = issuer.publicJwk;
  return JSON.stringify({ crv, kty, x, y });
}

function scalar(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

describe("ES256K", () => {
  it("verifies a credential of Veramo with the key of a did:ethr document", async () => {
    const verified = await verifyCredential(VERAMO.token, { resolver: ethrResolver(VERAMO.did.slice(-66)) });
    expect(verified).toMatchObject({ issuer: VERAMO.did, headers: { alg: "ES256K" }, credential: { credentialSubject: { you: "Rock" } } });
    const otherKey = `03${VERAMO.did.slice(-64)}`;
    const error = await rejectionOf(verifyCredential(VERAMO.token, { resolver: ethrResolver(otherKey) }));
    expectVcError(error, "signature_invalid");
  });

  it.each(JWS_FORMATS)("signs and verifies credentials and presentations in the format %s", async (format) => {
    const signed = await signCredential(credential, { key: issuer.key, format, now });
    expect(await verifyCredential(signed, { resolver, now })).toMatchObject({ credential, headers: { alg: "ES256K" } });
    const presented = await signPresentation([signed], { holder: issuer.did, key: issuer.key, format, nonce: "n", now });
    expect(await verifyPresentation(presented, { resolver, nonce: "n", now })).toMatchObject({ holder: issuer.did });
  });

  it.each<[string, () => Uint8Array]>([
    ["bytes", () => Uint8Array.of(0xe7, 0x01, isOdd(issuer.publicJwk.y) ? 3 : 2, ...Buffer.from(issuer.publicJwk.x ?? "", "base64url"))],
    ["a canonical JWK", () => Uint8Array.of(0xd1, 0xd6, 0x03, ...Buffer.from(canonicalJwk()))],
  ])("verifies credentials of a did:key with %s", async (_, encode) => {
    const id = `z${base58.encode(encode())}`;
    const did = `did:key:${id}`;
    const key = { kid: `${did}#${id}`, privateKey: issuer.key.privateKey };
    const signed = await signCredential({ ...credential, issuer: did }, { key, now });
    expect(await verifyCredential(signed, { resolver: resolverOf(), now })).toMatchObject({ issuer: did, headers: { alg: "ES256K" } });
  });

  it("has no cryptosuite for the format json", async () => {
    const error = await rejectionOf(signCredential(credential, { key: issuer.key, format: "json", now }));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toBe('Keys of secp256k1 cannot sign in the format "json": use compact_jwt, jwt or enveloped');
  });

  it("creates signatures with the lower S, which OpenSSL verifies", async () => {
    const publicKey: KeyObject = createPublicKey({ key: issuer.publicJwk, format: "jwk" });
    for (let i = 0; i < 8; i++) {
      const token = await signCredential({ ...credential, name: `Number ${i}` }, { key: issuer.key, now });
      const [header, payload, signature = ""] = token.split(".");
      const bytes = Buffer.from(signature, "base64url");
      expect(scalar(bytes.subarray(32)) <= N / 2n).toBe(true);
      const key = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
      expect(verify("sha256", Buffer.from(`${header}.${payload}`), key, bytes)).toBe(true);
    }
  });

  it("verifies signatures with the higher S", async () => {
    const token = await signCredential(credential, { key: issuer.key, now });
    const flipped = withSignature(token, (bytes) => {
      const high = (N - scalar(bytes.subarray(32))).toString(16).padStart(64, "0");
      return Buffer.concat([bytes.subarray(0, 32), Buffer.from(high, "hex")]);
    });
    expect(flipped).not.toBe(token);
    await expect(verifyCredential(flipped, { resolver, now })).resolves.toMatchObject({ credential });
  });

  it.each<[string, (signature: Buffer) => Buffer]>([
    ["zeros", () => Buffer.alloc(64)],
    ["ones", () => Buffer.alloc(64, 0xff)],
    ["nothing", () => Buffer.alloc(0)],
    ["one byte less", (bytes) => bytes.subarray(0, 63)],
    ["one byte more", (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])],
    ["a recovery bit, as of ES256K-R", (bytes) => Buffer.concat([Buffer.of(0), bytes])],
    ["R and S exchanged", (bytes) => Buffer.concat([bytes.subarray(32), bytes.subarray(0, 32)])],
    ["the order as S", (bytes) => Buffer.concat([bytes.subarray(0, 32), Buffer.from(N.toString(16), "hex")])],
    ["a changed bit", (bytes) => Buffer.from(bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)))],
  ])("rejects %s as a signature", async (_, change) => {
    const token = await signCredential(credential, { key: issuer.key, now });
    expectVcError(await rejectionOf(verifyCredential(withSignature(token, change), { resolver, now })), "signature_invalid");
  });

  it("rejects another payload, and ES256K-R", async () => {
    const token = await signCredential(credential, { key: issuer.key, now });
    const other = await signCredential({ ...credential, name: "Another" }, { key: issuer.key, now });
    const [header, , signature] = token.split(".");
    const mixed = `${header}.${other.split(".")[1]}.${signature}`;
    expectVcError(await rejectionOf(verifyCredential(mixed, { resolver, now })), "signature_invalid");
    const recovering = JSON.stringify({ ...partsOf(token).header, alg: "ES256K-R" });
    const renamed = [Buffer.from(recovering).toString("base64url"), ...token.split(".").slice(1)].join(".");
    expectVcError(await rejectionOf(verifyCredential(renamed, { resolver, now })), "alg_not_allowed");
  });

  it.each(["publicKeyHex", "publicKeyBase58"])("rejects a method with a JWK and %s", async (member) => {
    const method = {
      id: issuer.key.kid,
      type: "EcdsaSecp256k1VerificationKey2019",
      controller: issuer.did,
      publicKeyJwk: issuer.publicJwk,
      [member]: "02",
    };
    const document = parseDidDocument({ id: issuer.did, verificationMethod: [method], assertionMethod: [method.id] }, issuer.did);
    const signed = await signCredential(credential, { key: issuer.key, now });
    const error = await rejectionOf(verifyCredential(signed, { resolver: resolverOf({ ...issuer, document }), now }));
    expectVcError(error, "key_unsupported");
  });
});
