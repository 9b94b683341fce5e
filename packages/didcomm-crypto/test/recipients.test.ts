import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { pack, unpack, type DidcommCryptoErrorCode } from "../src/index.ts";
import { expectCryptoError } from "./expect-error.ts";
import { forge, type ForgeOptions } from "./forge.ts";
import { alice, bob, bobReads, carol, expectRefusal, forgeAuth, from, mallory, plaintext, to } from "./scenario.ts";

const bob2 = bob.keys.get(`${bob.did}#x25519-2`) ?? to;

describe("recipients", () => {
  it("can be several keys of one DID, each of which decrypts the message", async () => {
    const packed = pack(JSON.stringify(plaintext), { from, to: [to, bob2] });
    for (const own of [to, bob2]) {
      // oxlint-disable-next-line no-await-in-loop
      const { metadata } = await unpack(packed, { ...bobReads, recipientKey: (kid) => (kid === own.kid ? own.privateKey : undefined) });
      expect(metadata.recipientKid).toBe(own.kid);
      expect(metadata.encryptedToKids).toEqual([to.kid, bob2.kid]);
    }
  });

  it("share one epk, and apv is the hash of their sorted ids", async () => {
    const envelope = JSON.parse(pack(JSON.stringify(plaintext), { from, to: [bob2, to] })) as Record<string, unknown>;
    expect(Object.keys(envelope).toSorted()).toEqual(["ciphertext", "iv", "protected", "recipients", "tag"]);
    expect(envelope["recipients"]).toEqual([bob2, to].map(({ kid }) => ({ header: { kid }, encrypted_key: expect.any(String) })));
    const swapped = { ...envelope, recipients: (envelope["recipients"] as unknown[]).toReversed() };
    expect((await unpack(JSON.stringify(swapped), bobReads)).sender).toBe(alice.did);
  });

  it.each<[string, ForgeOptions, DidcommCryptoErrorCode]>([
    ["keys of two DIDs", { from, to: [to, carol.key("X25519")] }, "kid_invalid"],
    ["one key twice", { from, to: [to, to] }, "kid_invalid"],
    ["none of ours", { from, to: carol.key("X25519") }, "recipient_unknown"],
    [
      "one that the writer did not encrypt for",
      { from, to, change: ({ recipients }) => recipients.push({ header: { kid: bob2.kid }, encrypted_key: "" }) },
      "apv_invalid",
    ],
  ])("are rejected with %s", async (_, options, code) => {
    await expectRefusal(forge(plaintext, options), code);
  });

  it("are rejected if one was removed", async () => {
    const tamper = (envelope: Record<string, unknown>): void => {
      envelope["recipients"] = (envelope["recipients"] as unknown[]).slice(0, 1);
    };
    await expectRefusal(forge(plaintext, { from, to: [to, bob2], tamper }), "apv_invalid");
  });

  it("are rejected if two were swapped without their keys", async () => {
    const tamper = (envelope: Record<string, unknown>): void => {
      const [a, b] = envelope["recipients"] as Record<string, unknown>[];
      envelope["recipients"] = [
        { ...a, header: b?.["header"] },
        { ...b, header: a?.["header"] },
      ];
    };
    await expectRefusal(forge(plaintext, { from, to: [to, bob2], tamper }), "decryption_failed");
  });
});

describe("keys", () => {
  it.each<[string, Partial<typeof bobReads>, DidcommCryptoErrorCode]>([
    ["no key of the sender's", { senderKey: () => undefined }, "key_not_found"],
    ["another key of the sender's", { senderKey: () => mallory.key("X25519").publicKey }, "decryption_failed"],
    ["a sender's key on another curve", { senderKey: () => alice.key("P-256").publicKey }, "key_unsupported"],
    ["a sender's key that signs", { senderKey: () => alice.key("Ed25519").publicKey }, "key_unsupported"],
    ["a sender's key of low order", { senderKey: () => ({ kty: "OKP", crv: "X25519", x: "A".repeat(43) }) }, "decryption_failed"],
    ["an invalid sender's key", { senderKey: () => ({ kty: "OKP", crv: "X25519", x: "AA" }) }, "key_unsupported"],
    ["another key of the recipient's", { recipientKey: () => bob2.privateKey }, "decryption_failed"],
    ["a recipient's key on another curve", { recipientKey: () => bob.key("P-384").privateKey }, "epk_invalid"],
  ])("that do not match are rejected: %s", async (_, lookups, code) => {
    expectCryptoError(await rejectionOf(unpack(forgeAuth({}), { ...bobReads, ...lookups })), code);
  });

  it("that are invalid arguments throw a TypeError", async () => {
    const wrong = { ...bobReads, recipientKey: () => bob.key("Ed25519").privateKey };
    expect(await rejectionOf(unpack(forgeAuth({}), wrong))).toBeInstanceOf(TypeError);
    const halves = { ...bobReads, recipientKey: () => to.publicKey as never };
    expect(await rejectionOf(unpack(forgeAuth({}), halves))).toBeInstanceOf(TypeError);
  });

  it("can be looked up asynchronously, and errors of a lookup are passed on", async () => {
    const recipientKey = async (): Promise<typeof to.privateKey> => to.privateKey;
    expect((await unpack(forgeAuth({}), { ...bobReads, recipientKey })).sender).toBe(alice.did);
    const failure = new Error("The vault is closed");
    const senderKey = (): never => {
      throw failure;
    };
    expect(await rejectionOf(unpack(forgeAuth({}), { ...bobReads, senderKey }))).toBe(failure);
  });
});
