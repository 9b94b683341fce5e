import { encodePlaintext, decodePlaintext, type JsonObject } from "@parley/core";
import { describe, expect, it } from "vitest";
import { pack, readEnvelopeAddresses, unwrapEnvelope, WRAPPER_TYPE, wrapEnvelope } from "../../src/index.ts";
import { generateKey } from "../parties.ts";

const [ALICE, BOB] = ["did:web:a.example:alice", "did:web:b.example:bob"];

function envelope(from: "alice" | "anonymous"): JsonObject {
  const [alice, bob] = [generateKey(`${ALICE}#1`, "X25519"), generateKey(`${BOB}#1`, "X25519")];
  const packed = pack(JSON.stringify({ id: "1", type: "https://x.example/echo/1.0/request", from: ALICE, to: [BOB] }), {
    from: from === "alice" ? alice : "anonymous",
    to: bob,
  });
  return JSON.parse(packed) as JsonObject;
}

describe("a wrapper", () => {
  it("carries an envelope through a plaintext, unchanged", () => {
    const sealed = envelope("alice");
    const wrapper = wrapEnvelope(sealed, { id: "w", from: ALICE, to: BOB, threadId: "t", expiresTime: 5 });
    expect(wrapper).toMatchObject({ id: "w", type: WRAPPER_TYPE, from: ALICE, to: [BOB], threadId: "t", expiresTime: 5 });
    const read = decodePlaintext(JSON.parse(JSON.stringify(encodePlaintext(wrapper)))).message;
    expect(JSON.stringify(unwrapEnvelope(read))).toBe(JSON.stringify(sealed));
  });

  it("carries nothing else that a node would read", () => {
    const wrapper = wrapEnvelope(envelope("alice"), { from: ALICE, to: BOB });
    const [attachment] = wrapper.attachments ?? [];
    if (attachment === undefined) throw new Error("a wrapper has an attachment");
    const withAttachment = (changes: object) => unwrapEnvelope({ ...wrapper, attachments: [{ ...attachment, ...changes }] });
    expect(withAttachment({})).toBeDefined();
    expect(withAttachment({ mediaType: "application/vc+jwt", data: { ...attachment.data, jws: "a.b.c" } })).toBeUndefined();
    expect(withAttachment({ data: { ...attachment.data, jws: "a.b.c" } })).toBeUndefined();
    expect(withAttachment({ data: { ...attachment.data, base64: "e30" } })).toBeUndefined();
    expect(withAttachment({ format: "sender_presentation/1" })).toBeUndefined();
  });

  it("is no other message, and no message with more or less than one envelope", () => {
    const wrapper = wrapEnvelope(envelope("alice"), { from: ALICE, to: BOB });
    const attachments = wrapper.attachments ?? [];
    expect(unwrapEnvelope({ ...wrapper, type: "https://x.example/echo/1.0/request" })).toBeUndefined();
    expect(unwrapEnvelope({ ...wrapper, attachments: [] })).toBeUndefined();
    expect(unwrapEnvelope({ ...wrapper, attachments: [...attachments, ...attachments] })).toBeUndefined();
    expect(unwrapEnvelope({ ...wrapper, attachments: [{ data: { json: "text" } }] })).toBeUndefined();
  });
});

describe("the addresses of an envelope", () => {
  it("are those of its headers", () => {
    expect(readEnvelopeAddresses(envelope("alice"))).toEqual({ senderKid: `${ALICE}#1`, recipientDid: BOB });
    expect(readEnvelopeAddresses(envelope("anonymous"))).toEqual({ senderKid: undefined, recipientDid: BOB });
  });

  it("are rejected if headers contradict each other", () => {
    const { protected: header, ...others } = envelope("alice");
    const json = JSON.parse(Buffer.from(String(header), "base64url").toString()) as JsonObject;
    const forged = { ...others, protected: Buffer.from(JSON.stringify({ ...json, skid: "did:web:m.example#1" })).toString("base64url") };
    expect(() => readEnvelopeAddresses(forged)).toThrow(expect.objectContaining({ code: "apu_invalid" }));
    expect(() => readEnvelopeAddresses({})).toThrow(expect.objectContaining({ name: "DidcommCryptoError" }));
  });
});
