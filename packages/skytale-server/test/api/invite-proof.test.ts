import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inviteIdOf, isValidProof } from "../../src/api/invite-proof.ts";
import { makeInvite, prove } from "./reference-invite.ts";

const CHANNEL = "acme/team/general";

describe("a proof", () => {
  const invite = makeInvite();
  const keyPackage = randomBytes(50);
  const request = prove(invite, CHANNEL, keyPackage);
  const content = { channel: CHANNEL, inviteId: request.invite_id, requestId: request.request_id, keyPackage };
  const proof = Buffer.from(request.proof, "base64url");

  it("is one by the reference implementation too, and ids are the same", () => {
    expect(inviteIdOf(invite.key)).toBe(invite.id.toString("base64url"));
    expect(isValidProof(proof, content, invite.key)).toBe(true);
  });

  it("is invalid after a change of any bit", () => {
    const flip = (bytes: Uint8Array, bit: number): Buffer => {
      const copy = Buffer.from(bytes);
      const at = Math.floor(bit / 8) % copy.length;
      copy[at] = (copy[at] ?? 0) ^ (1 << (bit % 8));
      return copy;
    };
    fc.assert(
      fc.property(fc.nat(8 * 64), (bit) => {
        expect(isValidProof(flip(proof, bit), content, invite.key)).toBe(false);
        expect(isValidProof(proof, { ...content, keyPackage: flip(keyPackage, bit) }, invite.key)).toBe(false);
        expect(isValidProof(proof, content, flip(invite.key, bit))).toBe(false);
      }),
    );
  });

  it("is invalid when bytes move from one field to the next", () => {
    const moved = { ...content, channel: CHANNEL.slice(0, -1), keyPackage: Buffer.concat([Buffer.from("l"), keyPackage]) };
    expect(isValidProof(proof, moved, invite.key)).toBe(false);
  });

  it("of any bytes, by any key, is a yes or no", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const oddKeys = fc.constantFrom(new Uint8Array(32), new Uint8Array(32).fill(255), Uint8Array.of(1, ...new Uint8Array(31)));
    fc.assert(
      fc.property(bytes(64), fc.oneof(bytes(32), oddKeys), fc.uint8Array(), (signature, key, packageBytes) => {
        expect(isValidProof(signature, { ...content, keyPackage: packageBytes }, key)).toBeTypeOf("boolean");
      }),
    );
  });
});
