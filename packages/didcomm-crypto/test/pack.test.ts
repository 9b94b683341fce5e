import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { createMessage } from "@parley/core";
import { gateOrSoak, thrownBy } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pack, packSigned, unpack, type PackOptions, type PeerKey } from "../src/index.ts";
import { expectCryptoError } from "./expect-error.ts";
import { AGREEMENT_CURVES, SIGNING_CURVES } from "./parties.ts";
import { alice, bob, bobReads, carol, from, mallory, plaintext, to } from "./scenario.ts";

const text = JSON.stringify(plaintext);
const message = createMessage({ id: "1", type: "https://example.org/p/1.0/hello", from: alice.did, to: bob.did, body: { n: 1 } });

describe("the input of pack", () => {
  it("can be a message, its JSON, or its JSON as bytes", async () => {
    for (const input of [message, text, Buffer.from(text)]) {
      // oxlint-disable-next-line no-await-in-loop
      const unpacked = await unpack(pack(input, { from, to }), bobReads);
      expect(unpacked.message).toEqual(message);
      expect(JSON.parse(unpacked.plaintext)).toMatchObject(plaintext);
    }
  });

  it("gets a typ if it is a message", async () => {
    const { plaintext: written } = await unpack(pack(message, { from, to }), bobReads);
    expect(JSON.parse(written)).toMatchObject({ typ: "application/didcomm-plain+json" });
  });

  it("never gives the same result twice", () => {
    const packed = Array.from({ length: 20 }, () => JSON.parse(pack(text, { from, to })) as Record<string, string>);
    for (const member of ["protected", "iv", "ciphertext", "tag"])
      expect(new Set(packed.map((envelope) => envelope[member])).size).toBe(20);
  });

  it.each<[string, unknown]>([
    ["no JSON", "hello"],
    ["no object", "[]"],
    ["a member twice", `{"id":"0",${text.slice(1)}`],
    ["no message", "{}"],
    ["no UTF-8", Uint8Array.of(255)],
  ])("throws a TypeError if it is %s", (_, input) => {
    expect(thrownBy(() => pack(input as string, { from, to }))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => packSigned(input as string, alice.key("Ed25519")))).toBeInstanceOf(TypeError);
  });
});

describe("keys", () => {
  const p256 = bob.key("P-256");
  const bob2 = bob.keys.get(`${bob.did}#x25519-2`) ?? to;
  const signer = alice.key("Ed25519");

  it.each<[string, PackOptions]>([
    ["a sender on another curve", { from: alice.key("P-256"), to }],
    ["a sender's key that signs", { from: { ...alice.key("Ed25519"), kid: from.kid }, to }],
    ["a sender's key that is public", { from: { kid: from.kid, privateKey: from.publicKey as never }, to }],
    ["an invalid sender's key", { from: { kid: from.kid, privateKey: { ...from.privateKey, d: "AA" } }, to }],
    ["a sender's relative kid", { from: { ...from, kid: "#x25519-1" }, to }],
    ["another sender than from", { from: mallory.key("X25519"), to }],
    ["another signer than from", { from, to, signBy: mallory.key("Ed25519") }],
    ["another signer than from, anonymous", { from: "anonymous", to, signBy: mallory.key("Ed25519") }],
    ["a signer's key that agrees", { from, to, signBy: { ...from } }],
    ["a signer's key whose signatures are only read", { from, to, signBy: alice.key("secp256k1") }],
    ["no recipient", { from, to: [] }],
    ["recipients of two DIDs", { from, to: [to, carol.key("X25519")] }],
    ["recipients on two curves", { from, to: [to, p256] }],
    ["a recipient twice", { from, to: [to, to] }],
    ["a recipient's relative kid", { from, to: { ...to, kid: "#x25519-1" } }],
    ["a recipient that is not in to", { from, to: carol.key("X25519") }],
    ["hideSender without a sender", { from: "anonymous", to, hideSender: true }],
  ])("throw a TypeError: %s", (_, options) => {
    expect(thrownBy(() => pack(message, options))).toBeInstanceOf(TypeError);
  });

  it("of peers that cannot be used throw a DidcommCryptoError", () => {
    const unfit: PeerKey["publicKey"][] = [
      bob.key("Ed25519").publicKey,
      bob.key("secp256k1").publicKey,
      { kty: "OKP", crv: "X25519", x: "AA" },
      { kty: "OKP", crv: "X25519", x: "A".repeat(43) },
      { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) },
      { kty: "RSA", n: "AA", e: "AQAB" } as never,
      to.privateKey,
    ];
    for (const publicKey of unfit) {
      expectCryptoError(
        thrownBy(() => pack(message, { from: "anonymous", to: { kid: to.kid, publicKey } })),
        "key_unsupported",
      );
    }
  });

  it("can be KeyObjects, generated or imported", async () => {
    const own = { kid: from.kid, privateKey: createPrivateKey({ key: { ...from.privateKey }, format: "jwk" }) };
    const peer = { kid: to.kid, publicKey: createPublicKey({ key: { ...to.publicKey }, format: "jwk" }) };
    expect((await unpack(pack(message, { from: own, to: peer }), bobReads)).sender).toBe(alice.did);
    for (const pair of [generateKeyPairSync("x25519"), generateKeyPairSync("ec", { namedCurve: "P-384" })]) {
      const packed = pack(message, { from: "anonymous", to: { kid: to.kid, publicKey: pair.publicKey } });
      // oxlint-disable-next-line no-await-in-loop
      expect((await unpack(packed, { ...bobReads, recipientKey: () => pair.privateKey })).message).toEqual(message);
    }
    expect(thrownBy(() => pack(message, { from: "anonymous", to: { kid: to.kid, publicKey: own.privateKey } }))).toBeInstanceOf(TypeError);
  });

  it("that sign and encrypt require a to", () => {
    const unaddressed = createMessage({ ...message, to: [] });
    expect(thrownBy(() => pack(unaddressed, { from, to, signBy: signer }))).toBeInstanceOf(TypeError);
    expect(pack(unaddressed, { from, to })).toBeTypeOf("string");
    expect(packSigned(unaddressed, signer)).toBeTypeOf("string");
    expect(thrownBy(() => packSigned(unaddressed, mallory.key("Ed25519")))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => packSigned(unaddressed, { ...signer, kid: alice.did }))).toBeInstanceOf(TypeError);
  });

  it("are imported once per object", async () => {
    const first = pack(message, { from, to: [to, bob2] });
    const second = pack(message, { from, to: [bob2, to] });
    for (const packed of [first, second]) {
      // oxlint-disable-next-line no-await-in-loop
      expect((await unpack(packed, bobReads)).sender).toBe(alice.did);
    }
    const other = { kid: from.kid, privateKey: mallory.key("X25519").privateKey };
    await expect(unpack(pack(message, { from: other, to }), bobReads)).rejects.toMatchObject({ code: "decryption_failed" });
  });
});

describe("the created header", () => {
  const headerOf = (packed: string): Record<string, unknown> => {
    const { protected: text } = JSON.parse(packed) as { protected: string };
    return JSON.parse(Buffer.from(text, "base64url").toString()) as Record<string, unknown>;
  };

  it("of authcrypt has the members that the specification requires", () => {
    expect(headerOf(pack(message, { from, to }))).toEqual({
      typ: "application/didcomm-encrypted+json",
      alg: "ECDH-1PU+A256KW",
      enc: "A256CBC-HS512",
      skid: from.kid,
      apu: Buffer.from(from.kid).toString("base64url"),
      apv: expect.stringMatching(/^[\w-]{43}$/),
      epk: { kty: "OKP", crv: "X25519", x: expect.stringMatching(/^[\w-]{43}$/) },
    });
  });

  it.each([{ from: "anonymous" as const }, { from, hideSender: true }])("of anoncrypt does not name a sender", (options) => {
    const packed = pack(message, { to, enc: "A256GCM", ...options });
    expect(headerOf(packed)).toEqual({
      typ: "application/didcomm-encrypted+json",
      alg: "ECDH-ES+A256KW",
      enc: "A256GCM",
      apv: expect.stringMatching(/^[\w-]{43}$/),
      epk: { kty: "OKP", crv: "X25519", x: expect.stringMatching(/^[\w-]{43}$/) },
    });
    expect(packed).not.toContain(alice.did);
  });
});

describe("round trips", () => {
  const options = fc.record({
    curve: fc.constantFrom(...AGREEMENT_CURVES),
    both: fc.boolean(),
    mode: fc.constantFrom("authcrypt", "hidden", "anonymous"),
    enc: fc.constantFrom("A256CBC-HS512" as const, "A256GCM" as const),
    signer: fc.option(fc.constantFrom(...SIGNING_CURVES), { nil: undefined }),
  });
  const body = fc.dictionary(
    fc.string(),
    fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as never),
  );

  it("return any message unchanged, for all options of pack", async () => {
    await fc.assert(
      fc.asyncProperty(options, body, async ({ curve, both, mode, enc, signer }, body) => {
        const sent = createMessage({ ...message, body });
        const keys = [...bob.keys.values()].filter((key) => key.curve === curve).slice(0, both ? 2 : 1);
        const packed = pack(sent, {
          from: mode === "anonymous" ? "anonymous" : alice.key(curve),
          to: keys,
          enc,
          hideSender: mode === "hidden",
          ...(signer && { signBy: alice.key(signer) }),
        });
        const unpacked = await unpack(packed, bobReads);
        expect(unpacked.message).toEqual(JSON.parse(JSON.stringify(sent)));
        expect(unpacked.sender).toBe(mode === "anonymous" && signer === undefined ? undefined : alice.did);
        expect(unpacked.metadata.anonymousSender).toBe(mode !== "authcrypt");
        expect(unpacked.metadata.signed).toBe(signer !== undefined);
        expect(unpacked.metadata.encryptedToKids).toEqual(keys.map(({ kid }) => kid));
      }),
      { numRuns: gateOrSoak(100, 1500) },
    );
  });
});
