import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { signInviteTerms, verifyInviteTerms } from "../../src/invites/invite-terms.ts";
import { publicKeyOf, signWith } from "../../src/invites/ed25519.ts";
import { encodeToken, createInvite, inviteIdOf, decodeToken } from "../../src/invites/invite.ts";
import { createJoinRequest, hasValidProof } from "../../src/invites/join-request.ts";
import { signatureKeyIn } from "../../src/invites/key-package-holder.ts";

const CHANNEL = "acme/team/general";
const keyPackage = new TextEncoder().encode("a key package");
const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** One bit of some bytes is another. */
const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, index) => (index === at % bytes.length ? byte ^ 1 : byte));

describe("an invite token", () => {
  it("decodes to the invite that it encodes", () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        const invite = createInvite(secret);
        const token = encodeToken(invite);
        expect(token).toMatch(/^skt_inv_[\w-]{64}$/);
        expect(decodeToken(token)).toEqual(invite);
      }),
    );
  });

  it("is stable: the values of the first release", () => {
    const invite = createInvite(new Uint8Array(32).fill(7));
    expect(Buffer.from(invite.publicKey).toString("hex")).toMatchInlineSnapshot(
      `"5b8702ae2ca63e1dfbe0a31f826b8c77571fd4e41eef2a42e2242052b826203c"`,
    );
    expect(encodeToken(invite)).toMatchInlineSnapshot(`"skt_inv_W_Okm2M79IiPNRsAJEobhQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"`);
  });

  it("is rejected if a character is changed, missing or added", () => {
    const token = encodeToken(createInvite());
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    fc.assert(
      fc.property(fc.nat(63), fc.constantFrom(...alphabet.split("")), (at, character) => {
        const index = "skt_inv_".length + at;
        fc.pre(token[index] !== character);
        const changed = token.slice(0, index) + character + token.slice(index + 1);
        expect(() => decodeToken(changed)).toThrow(expect.objectContaining({ code: "invite_malformed" }));
      }),
    );
    for (const wrong of [
      token.slice(0, -1),
      `${token}A`,
      `x ${token}`,
      token.slice(8),
      token.replace("skt_inv_", "skt_key_"),
      "",
      5,
      undefined,
    ]) {
      expect(() => decodeToken(wrong as string)).toThrow(expect.objectContaining({ code: "invite_malformed" }));
    }
  });

  it("is not part of any error", () => {
    const token = encodeToken(createInvite());
    expect(() => decodeToken(`${token}x`)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(token.slice(10, 30)) as string }),
    );
  });
});

describe("a request to join", () => {
  const invite = createInvite();
  const request = createJoinRequest(invite, CHANNEL, keyPackage);

  it("proves that its sender holds the invite", () => {
    expect(hasValidProof(request, invite.publicKey)).toBe(true);
    expect(createJoinRequest(invite, CHANNEL, keyPackage).requestId).not.toEqual(request.requestId);
  });

  it.each([
    ["key package", { keyPackage: new TextEncoder().encode("another key package") }],
    ["channel", { channel: "acme/team/other" }],
    ["request id", { requestId: new Uint8Array(16) }],
    ["invite id", { inviteId: new Uint8Array(16) }],
    ["proof", { proof: new Uint8Array(64) }],
  ])("has an invalid proof with another %s", (_, change) => {
    expect(hasValidProof({ ...request, ...change }, invite.publicKey)).toBe(false);
  });

  it("has an invalid proof under the key of another invite", () => {
    const other = createInvite();
    expect(hasValidProof(createJoinRequest({ ...invite, privateKey: other.privateKey }, CHANNEL, keyPackage), other.publicKey)).toBe(false);
  });

  it("has an invalid proof if any bit is changed", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom("keyPackage", "requestId", "inviteId", "proof" as const), (at, member) => {
        expect(hasValidProof({ ...request, [member]: flipped(request[member], at) }, invite.publicKey)).toBe(false);
      }),
    );
  });

  it("handles arbitrary keys and proofs from a server", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (key, proof) => {
        expect(hasValidProof({ ...request, inviteId: inviteIdOf(key), proof }, key)).toBe(false);
      }),
    );
  });
});

describe("an attestation", () => {
  const invite = createInvite();
  const alice = new Uint8Array(32).fill(1);
  const bob = publicKeyOf(new Uint8Array(32).fill(2));
  const terms = { channel: CHANNEL, inviteKey: invite.publicKey, maxUses: 3, expiresAt: 1_800_000_000 };
  const attestation = signInviteTerms(terms, (content) => signWith(alice, content));
  const facts = { channel: CHANNEL, inviteKey: invite.publicKey, memberKeys: [bob, publicKeyOf(alice)] };

  it("returns the terms and the inviting member", () => {
    expect(verifyInviteTerms(attestation, facts)).toEqual({ ...terms, inviter: publicKeyOf(alice) });
  });

  it.each([
    ["signed by a non-member", { memberKeys: [bob] }],
    ["of another channel", { channel: "acme/team/other" }],
    ["of another invite", { inviteKey: createInvite().publicKey }],
    ["without members", { memberKeys: [] }],
    ["from a member with a malformed key", { memberKeys: [new Uint8Array(3)] }],
  ])("is not accepted %s", (_, change) => {
    expect(verifyInviteTerms(attestation, { ...facts, ...change })).toBeUndefined();
  });

  it("is not accepted if it was changed, truncated or extended", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(attestation.length - 1), fc.uint8Array({ minLength: 1 }), (at, length, more) => {
        expect(verifyInviteTerms(flipped(attestation, at), facts)).toBeUndefined();
        expect(verifyInviteTerms(attestation.subarray(0, length), facts)).toBeUndefined();
        expect(verifyInviteTerms(Buffer.concat([attestation, more]), facts)).toBeUndefined();
      }),
    );
  });
});

describe("the signature key in a key package", () => {
  it("is undefined for arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const key = signatureKeyIn(bytes);
        expect(key === undefined || key.length <= bytes.length).toBe(true);
      }),
    );
    expect(signatureKeyIn(new Uint8Array())).toBeUndefined();
    // A vector that says it is longer than all there is.
    expect(signatureKeyIn(new Uint8Array([0, 1, 0, 5, 0, 1, 0, 1, 0xbf, 0xff, 0xff, 0xff]))).toBeUndefined();
  });
});
