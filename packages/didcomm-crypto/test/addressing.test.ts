import type { JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { unpack, type DidcommCryptoErrorCode } from "../src/index.ts";
import { expectCryptoError } from "./expect-error.ts";
import { forge, forgeSigned } from "./forge.ts";
import { alice, bob, bobReads, carol, expectRefusal, forgeAuth, from, mallory, plaintext, to } from "./scenario.ts";

describe("addressing", () => {
  const { from: _from, ...anonymous } = plaintext;
  const { to: _to, ...unaddressed } = plaintext;
  const signed = (content: JsonObject): string => forgeSigned(content, alice.key("Ed25519"));

  it.each<[string, string, DidcommCryptoErrorCode]>([
    ["from of another DID than skid", forge(plaintext, { from: mallory.key("X25519"), to }), "from_mismatch"],
    ["from with a fragment", forgeAuth({}, { ...plaintext, from: from.kid }), "from_mismatch"],
    ["from in capitals", forgeAuth({}, { ...plaintext, from: "did:example:Alice" }), "from_mismatch"],
    ["no from, authcrypt", forgeAuth({}, anonymous), "from_mismatch"],
    ["from of another DID than the signer's", forgeSigned(plaintext, mallory.key("Ed25519")), "from_mismatch"],
    ["no from, signed", signed(anonymous), "from_mismatch"],
    ["another signer than sender", forgeAuth({}, forgeSigned(plaintext, mallory.key("Ed25519"))), "from_mismatch"],
    ["a sender that forwards a message signed by another", forge(signed(plaintext), { from: mallory.key("X25519"), to }), "from_mismatch"],
    ["to without the recipient", forgeAuth({}, { ...plaintext, to: [carol.did] }), "to_mismatch"],
    ["to without the recipient, anonymous", forge({ ...plaintext, to: [carol.did] }, { to }), "to_mismatch"],
    ["signed for another recipient", forgeAuth({}, signed({ ...plaintext, to: [carol.did] })), "to_mismatch"],
    ["signed without a recipient, then encrypted", forgeAuth({}, signed(unaddressed)), "to_mismatch"],
    ["signed without a recipient, then encrypted anonymously", forge(signed(unaddressed), { to }), "to_mismatch"],
  ])("is rejected with %s", async (_, text, code) => {
    await expectRefusal(text, code);
  });

  it("is rejected if the layers are for different DIDs", async () => {
    const inner = forge({ ...plaintext, to: [bob.did, carol.did] }, { from, to });
    const both = { ...bobReads, recipientKey: (kid: string) => (bob.keys.get(kid) ?? carol.keys.get(kid))?.privateKey };
    expectCryptoError(await rejectionOf(unpack(forge(inner, { to: carol.key("X25519") }), both)), "to_mismatch");
  });

  it.each<[string, string, string | undefined]>([
    ["no to", forgeAuth({}, unaddressed), alice.did],
    ["several in to", forgeAuth({}, { ...plaintext, to: [carol.did, bob.did] }), alice.did],
    ["no to, signed only", signed(unaddressed), alice.did],
    ["an unproven from", forge(plaintext, { to }), undefined],
    ["no from, anonymous", forge(anonymous, { to }), undefined],
  ])("is accepted with %s", async (_, text, sender) => {
    const unpacked = await unpack(text, bobReads);
    expect(unpacked.sender).toBe(sender);
    expect(unpacked.metadata.authenticated).toBe(sender !== undefined);
  });
});

describe("nesting", () => {
  const plain = JSON.stringify(plaintext);
  const signed = forgeSigned(plaintext, alice.key("Ed25519"));
  const authcrypt = forgeAuth({});
  const anoncrypt = forge(plaintext, { to });

  it.each([
    ["signed", signed],
    ["authcrypt", authcrypt],
    ["anoncrypt", anoncrypt],
    ["authcrypt, signed", forgeAuth({}, signed)],
    ["anoncrypt, signed", forge(signed, { to })],
    ["anoncrypt, authcrypt", forge(authcrypt, { to })],
    ["anoncrypt, authcrypt, signed", forge(forgeAuth({}, signed), { to })],
  ])("of %s is accepted", async (_, text) => {
    expect((await unpack(text, bobReads)).plaintext).toBe(plain);
  });

  it.each([
    ["authcrypt, authcrypt", forgeAuth({}, authcrypt)],
    ["authcrypt, anoncrypt", forgeAuth({}, anoncrypt)],
    ["anoncrypt, anoncrypt", forge(anoncrypt, { to })],
    ["anoncrypt, authcrypt, anoncrypt", forge(forgeAuth({}, anoncrypt), { to })],
    ["signed, signed", forgeSigned(signed, alice.key("Ed25519"))],
    ["signed, authcrypt", forgeSigned(authcrypt, alice.key("Ed25519"))],
    ["signed, anoncrypt", forgeSigned(anoncrypt, alice.key("Ed25519"))],
    ["authcrypt, signed, authcrypt", forgeAuth({}, forgeSigned(authcrypt, alice.key("Ed25519")))],
  ])("of %s is rejected", async (_, text) => {
    await expectRefusal(text, "nesting_invalid");
  });

  it("recognizes a plaintext with protocol headers named like envelope members", async () => {
    const odd = { ...plaintext, payload: "AA", ciphertext: "AA" };
    expect((await unpack(forgeAuth({}, odd), bobReads)).message.headers).toEqual({ payload: "AA", ciphertext: "AA" });
  });
});

describe("the plaintext", () => {
  it.each<[string, string, DidcommCryptoErrorCode]>([
    ["nothing", "", "envelope_invalid"],
    ["no JSON", "hello", "envelope_invalid"],
    ["a member twice", `{"from":"${mallory.did}",${JSON.stringify(plaintext).slice(1)}`, "envelope_invalid"],
    ["a member twice, deep inside", JSON.stringify(plaintext).replace('"n":1', '"n":[{"a":1,"a":2}]'), "envelope_invalid"],
    ["no id", JSON.stringify({ ...plaintext, id: undefined }), "plaintext_invalid"],
    ["no type", JSON.stringify({ ...plaintext, type: undefined }), "plaintext_invalid"],
    ["another typ", JSON.stringify({ ...plaintext, typ: "application/json" }), "plaintext_invalid"],
  ])("is rejected if it has %s", async (_, content, code) => {
    await expectRefusal(forgeAuth({}, content), code);
  });

  it("is returned as received, without broken attachments", async () => {
    const content = ` ${JSON.stringify({ ...plaintext, attachments: [{ data: { json: 1 } }, { data: 1 }] })}\n`;
    const unpacked = await unpack(forgeAuth({}, content), bobReads);
    expect(unpacked.plaintext).toBe(content);
    expect(unpacked.message.attachments).toHaveLength(1);
    expect(unpacked.attachmentFaults.map(({ code }) => code)).toEqual(["attachment_invalid"]);
  });
});
