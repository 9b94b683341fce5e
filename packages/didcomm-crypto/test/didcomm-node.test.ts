import { describe, expect, it } from "vitest";
import { pack, packSigned, unpack } from "../src/index.ts";
import { oraclePack, oraclePackSigned, oracleUnpack } from "./didcomm-node.ts";
import { keysOn, text } from "./oracle-message.ts";
import { alice, bobReads } from "./scenario.ts";

const plaintext = JSON.parse(text) as { body: object };

// didcomm-node knows X25519 and P-256; what it can't do is covered by the appendix and by the round trips.
const CURVES = ["X25519", "P-256"] as const;
const ANON = ["A256CBC-HS512", "A256GCM", "XC20P"] as const;
const SIGNERS = [undefined, "Ed25519", "P-256", "secp256k1"] as const;

const combinations = CURVES.flatMap((curve) =>
  SIGNERS.flatMap((signer) => [
    { curve, signer, from: true, hideSender: false, enc: undefined },
    ...ANON.flatMap((enc) => [
      { curve, signer, from: true, hideSender: true, enc },
      { curve, signer, from: false, hideSender: false, enc },
    ]),
  ]),
);
const named = combinations.map(
  (combination) =>
    [
      `${combination.from ? "authcrypt" : "anoncrypt"} on ${combination.curve}` +
        (combination.hideSender ? " inside of anoncrypt" : "") +
        (combination.enc ? ` with ${combination.enc}` : "") +
        (combination.signer ? `, signed on ${combination.signer}` : ""),
      combination,
    ] as const,
);

describe("didcomm-node", () => {
  it.each(named)("packs for us: %s", async (_, { curve, signer, from, hideSender, enc }) => {
    const packed = await oraclePack(plaintext, {
      to: keysOn(curve),
      ...(from && { from: alice.key(curve) }),
      ...(signer && { signBy: alice.key(signer) }),
      hideSender,
      ...(enc && { enc }),
    });
    const { message, sender, metadata } = await unpack(packed, bobReads);
    expect(message.body).toEqual(plaintext.body);
    expect(sender).toBe(from || signer ? alice.did : undefined);
    expect(metadata).toMatchObject({
      encrypted: true,
      authenticated: from || signer !== undefined,
      signed: signer !== undefined,
      anonymousSender: hideSender || !from,
      encryptedToKids: keysOn(curve).map(({ kid }) => kid),
    });
    expect(metadata.encryptedFromKid).toBe(from ? alice.key(curve).kid : undefined);
    expect(metadata.signFromKid).toBe(signer && alice.key(signer).kid);
    expect(metadata.encryption[0]?.enc).toBe(enc ?? "A256CBC-HS512");
  });

  it.each(named.filter(([, { enc, signer }]) => enc !== "XC20P" && signer !== "secp256k1"))(
    "unpacks ours: %s",
    async (_, { curve, signer, from, hideSender, enc }) => {
      const to = keysOn(curve);
      const packed = pack(text, {
        from: from ? alice.key(curve) : "anonymous",
        to,
        ...(signer && { signBy: alice.key(signer) }),
        hideSender,
        ...(enc && enc !== "XC20P" && { enc }),
      });
      for (const reader of to) {
        // oxlint-disable-next-line no-await-in-loop
        const { value, metadata } = await oracleUnpack(packed, [reader, alice.key(curve), ...(signer ? [alice.key(signer)] : [])]);
        expect(value["body"]).toEqual(plaintext.body);
        expect(metadata.authenticated).toBe(from || signer !== undefined);
        expect(metadata.non_repudiation).toBe(signer !== undefined);
        expect(metadata.anonymous_sender).toBe(hideSender || !from);
        expect(metadata.encrypted_from_kid ?? undefined).toBe(from ? alice.key(curve).kid : undefined);
        expect(metadata.sign_from ?? undefined).toBe(signer && alice.key(signer).kid);
      }
    },
  );

  it.each(["Ed25519", "P-256", "secp256k1"] as const)("signs for us, on %s", async (curve) => {
    const key = alice.key(curve);
    const { sender, metadata } = await unpack(await oraclePackSigned(plaintext, key), bobReads);
    expect(sender).toBe(alice.did);
    expect(metadata).toMatchObject({ encrypted: false, signed: true, signFromKid: key.kid });
  });

  it.each(["Ed25519", "P-256"] as const)("verifies our signatures on %s", async (curve) => {
    const key = alice.key(curve);
    const { metadata } = await oracleUnpack(packSigned(text, key), [key]);
    expect(metadata).toMatchObject({ authenticated: true, non_repudiation: true, sign_from: key.kid });
  });
});
