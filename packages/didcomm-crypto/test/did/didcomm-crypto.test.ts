import { createMessage } from "@parley/core";
import { createDidResolver, didKeyMethod, DidError, type DidDocument, type DidResolver, type ResolveOptions } from "@parley/did";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { createDidcommCrypto, pack, type DidcommCrypto, type DidcommCryptoErrorCode } from "../../src/index.ts";
import { expectCryptoError } from "../expect-error.ts";
import { forge, forgeSigned } from "../forge.ts";
import { AGREEMENT_CURVES, SIGNING_CURVES, createParty, type Party, type TestKey } from "../parties.ts";

const alice = createParty("did:example:alice");
const bob = createParty("did:example:bob", 2);

const methodOf = ({ kid, publicKey }: TestKey, did: string): DidDocument["verificationMethod"][number] => ({
  id: kid,
  type: "JsonWebKey2020",
  controller: did,
  publicKeyJwk: { ...publicKey },
});

function documentOf(party: Party, agreement: readonly TestKey[], signing: readonly TestKey[]): DidDocument {
  const ids = (keys: readonly TestKey[]): string[] => keys.map(({ kid }) => kid);
  return {
    id: party.did,
    verificationMethod: [...party.keys.values()].map((key) => methodOf(key, party.did)),
    keyAgreement: ids(agreement),
    authentication: ids(signing),
    assertionMethod: [],
    capabilityInvocation: [],
    capabilityDelegation: [],
    service: [],
  };
}

const on = (party: Party, ...curves: string[]): TestKey[] =>
  curves.flatMap((curve) => [...party.keys.values()].filter((key) => key.curve === curve));
const everything = (party: Party): DidDocument => documentOf(party, on(party, ...AGREEMENT_CURVES), on(party, ...SIGNING_CURVES));

/** A resolver of these documents; `asked` records the requests. */
function resolverOf(...documents: readonly DidDocument[]): DidResolver & { readonly asked: [string, ResolveOptions | undefined][] } {
  const asked: [string, ResolveOptions | undefined][] = [];
  return {
    asked,
    async resolve(did, options) {
      asked.push([did, options]);
      options?.signal?.throwIfAborted();
      const document = documents.find(({ id }) => id === did);
      if (document === undefined) throw new DidError(did.includes("slow") ? "timeout" : "not_found", "The DID does not exist");
      return document;
    },
  };
}

const cryptoOf = (party: Party, resolver: DidResolver): DidcommCrypto =>
  createDidcommCrypto({ resolver, privateKey: (kid) => party.keys.get(kid)?.privateKey });

const message = createMessage({ type: "https://example.org/p/1.0/hello", from: alice.did, to: bob.did, body: {} });

describe("packing for DIDs", () => {
  it.each([
    [["X25519", "P-256"], ["X25519", "P-256"], "x25519"],
    [["X25519", "P-256"], ["P-256", "X25519"], "p-256"],
    [["P-384"], ["X25519", "P-384"], "p-384"],
    [["P-521", "Ed25519"], ["Ed25519", "secp256k1", "P-521"], "p-521"],
  ])("from %j to %j uses all keys of the recipient on %s", async (own, theirs, chosen) => {
    const resolver = resolverOf(documentOf(alice, on(alice, ...own), []), documentOf(bob, on(bob, ...theirs), []));
    const packed = await cryptoOf(alice, resolver).pack(message, { from: alice.did, to: bob.did });
    const { sender, metadata } = await cryptoOf(bob, resolver).unpack(packed);
    expect(sender).toBe(alice.did);
    expect(metadata.encryptedFromKid).toBe(`${alice.did}#${chosen}-1`);
    expect(metadata.encryptedToKids).toEqual([`${bob.did}#${chosen}-1`, `${bob.did}#${chosen}-2`]);
  });

  it("supports all options of pack", async () => {
    const resolver = resolverOf(everything(alice), everything(bob));
    const packed = await cryptoOf(alice, resolver).pack(message, {
      from: alice.did,
      to: bob.did,
      signBy: alice.did,
      hideSender: true,
      enc: "A256GCM",
    });
    expect((await cryptoOf(bob, resolver).unpack(packed)).metadata).toMatchObject({
      authenticated: true,
      signed: true,
      anonymousSender: true,
      signAlg: "EdDSA",
      encryption: [
        { alg: "ECDH-ES+A256KW", enc: "A256GCM" },
        { alg: "ECDH-1PU+A256KW", enc: "A256CBC-HS512" },
      ],
    });
  });

  it("does not resolve a sender for anoncrypt", async () => {
    const resolver = resolverOf(everything(bob));
    const packed = await cryptoOf(alice, resolver).pack(message, { from: "anonymous", to: bob.did });
    expect(resolver.asked.map(([did]) => did)).toEqual([bob.did]);
    expect((await cryptoOf(bob, resolver).unpack(packed)).sender).toBeUndefined();
  });

  it("signs without encrypting", async () => {
    const resolver = resolverOf(everything(alice));
    const packed = await cryptoOf(alice, resolver).packSigned(message, { signBy: alice.did });
    expect((await cryptoOf(bob, resolver).unpack(packed)).sender).toBe(alice.did);
  });

  it("skips undecodable keys, and own keys without a private key", async () => {
    const broken = { id: `${bob.did}#broken`, type: "JsonWebKey2020", controller: bob.did, publicKeyJwk: { kty: "EC", crv: "P-256" } };
    const document = everything(bob);
    const resolver = resolverOf(everything(alice), {
      ...document,
      verificationMethod: [broken, ...document.verificationMethod],
      keyAgreement: [broken.id, ...document.keyAgreement],
    });
    const onlyP256 = createDidcommCrypto({
      resolver,
      privateKey: async (kid) => (kid.includes("p-256") ? alice.keys.get(kid)?.privateKey : undefined),
    });
    const packed = await onlyP256.pack(message, { from: alice.did, to: bob.did });
    expect((await cryptoOf(bob, resolver).unpack(packed)).metadata.encryptedFromKid).toBe(alice.key("P-256").kid);
  });

  it.each<[string, DidDocument[], DidcommCryptoErrorCode, boolean]>([
    ["the recipient's DID is not found", [everything(alice)], "resolution_failed", false],
    ["the recipient has no key", [everything(alice), documentOf(bob, [], [])], "key_not_found", false],
    ["the recipient's keys only sign", [everything(alice), documentOf(bob, [], on(bob, "P-256"))], "key_not_found", false],
    [
      "they have no curve in common",
      [documentOf(alice, on(alice, "P-256"), []), documentOf(bob, on(bob, "X25519"), [])],
      "key_not_found",
      false,
    ],
    ["the signer lists no key", [documentOf(alice, on(alice, "X25519"), []), everything(bob)], "key_not_found", false],
  ])("fails if %s", async (_, documents, code, retryable) => {
    const crypto = cryptoOf(alice, resolverOf(...documents));
    const error = await rejectionOf(crypto.pack(message, { from: alice.did, to: bob.did, signBy: alice.did }));
    expect(expectCryptoError(error, code).retryable).toBe(retryable);
  });

  it("is retryable if the resolution is", async () => {
    const error = await rejectionOf(cryptoOf(alice, resolverOf(everything(alice))).pack(message, { from: alice.did, to: "did:web:slow" }));
    expect(expectCryptoError(error, "resolution_failed").retryable).toBe(true);
  });

  it("stops when its signal is aborted", async () => {
    const signal = AbortSignal.abort(new Error("Enough"));
    const crypto = cryptoOf(alice, resolverOf(everything(alice), everything(bob)));
    expect(await rejectionOf(crypto.pack(message, { from: alice.did, to: bob.did, signal }))).toBe(signal.reason);
    const packed = pack(message, { from: alice.key("X25519"), to: bob.key("X25519") });
    expect(await rejectionOf(cryptoOf(bob, resolverOf(everything(alice))).unpack(packed, { signal }))).toBe(signal.reason);
  });
});

describe("unpacking with documents", () => {
  const packed = forge(JSON.parse(JSON.stringify({ ...message })) as never, { from: alice.key("P-256"), to: bob.key("P-256") });
  const signed = forgeSigned(JSON.parse(JSON.stringify({ ...message })) as never, alice.key("P-256"));

  it.each<[string, string, DidDocument[], DidcommCryptoErrorCode]>([
    ["a sender's key that is there to sign", packed, [documentOf(alice, [], on(alice, "P-256"))], "key_purpose"],
    ["a signer's key that is there to agree", signed, [documentOf(alice, on(alice, "P-256"), [])], "key_purpose"],
    ["a sender's key that is gone", packed, [{ ...documentOf(alice, [], []), verificationMethod: [] }], "key_not_found"],
    ["a signer whose DID is gone", signed, [], "resolution_failed"],
  ])("rejects %s", async (_, text, documents, code) => {
    expectCryptoError(await rejectionOf(cryptoOf(bob, resolverOf(...documents)).unpack(text)), code);
  });

  it("resolves a fresh document once if a key is missing", async () => {
    const resolver = resolverOf(documentOf(alice, [], []));
    await rejectionOf(cryptoOf(bob, resolver).unpack(packed));
    expect(resolver.asked.map(([did, options]) => [did, options?.maxAgeMs])).toEqual([
      [alice.did, undefined],
      [alice.did, 30_000],
    ]);
    const [old, renewed] = [documentOf(alice, [], []), everything(alice)];
    const changing: DidResolver = { resolve: async (_, options) => (options?.maxAgeMs === undefined ? old : renewed) };
    expect((await cryptoOf(bob, changing).unpack(packed)).sender).toBe(alice.did);
  });

  it("does not resolve senders of messages for other recipients", async () => {
    const resolver = resolverOf(everything(alice));
    expectCryptoError(await rejectionOf(cryptoOf(alice, resolver).unpack(packed)), "recipient_unknown");
    expect(resolver.asked).toEqual([]);
  });
});

describe("did:key", () => {
  it("needs no requests", async () => {
    const resolver = createDidResolver({ methods: didKeyMethod() });
    const did = "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc";
    const anybody = createDidcommCrypto({ resolver, privateKey: () => undefined });
    const packed = await anybody.pack(createMessage({ type: "https://example.org/p/1.0/hello", to: did }), { from: "anonymous", to: did });
    const error = await rejectionOf(anybody.unpack(packed));
    expectCryptoError(error, "recipient_unknown");
  });
});
