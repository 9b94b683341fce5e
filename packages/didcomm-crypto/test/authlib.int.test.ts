import { describeUnless } from "@parley/test-assertions";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pack, packSigned, unpack } from "../src/index.ts";
import { Authlib, missingAuthlib } from "./authlib.ts";
import { keysOn, protectedHeader, text } from "./oracle-message.ts";
import { AGREEMENT_CURVES, SIGNING_CURVES } from "./parties.ts";
import { alice, bobReads, expectRefusal, mallory } from "./scenario.ts";

const AUTHCRYPT = ["ECDH-1PU+A256KW", "A256CBC-HS512"] as const;
const WRITTEN = [AUTHCRYPT, ["ECDH-ES+A256KW", "A256CBC-HS512"], ["ECDH-ES+A256KW", "A256GCM"]] as const;
const READ = [...WRITTEN, ["ECDH-ES+A256KW", "XC20P"]] as const;
const onEachCurve = <T>(kinds: readonly T[]): [curve: (typeof AGREEMENT_CURVES)[number], kind: T][] =>
  AGREEMENT_CURVES.flatMap((curve) => kinds.map((kind): [typeof curve, T] => [curve, kind]));
const ALGORITHMS = { Ed25519: "EdDSA", "P-256": "ES256", "P-384": "ES384", secp256k1: "ES256K" } as const;

describeUnless(missingAuthlib(), "Authlib", () => {
  let authlib: Authlib;
  beforeAll(async () => {
    authlib = await Authlib.start();
  });
  afterAll(() => authlib.stop());

  it.each(onEachCurve(WRITTEN))("decrypts our messages for each recipient, on %s: %j", async (curve, [alg, enc]) => {
    const from = alg === AUTHCRYPT[0] ? alice.key(curve) : undefined;
    const to = keysOn(curve);
    const packed = pack(text, { from: from ?? "anonymous", to, enc });
    for (const own of to) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await authlib.decrypt(packed, own, from)).toBe(text);
    }
    await expect(authlib.decrypt(packed, { ...to[0], privateKey: mallory.key(curve).privateKey }, from)).rejects.toThrow("InvalidUnwrap");
  });

  it.each(onEachCurve(READ))("encrypts for us, on %s: %j", async (curve, [alg, enc]) => {
    const from = alg === AUTHCRYPT[0] ? alice.key(curve) : undefined;
    const to = keysOn(curve);
    const header = protectedHeader({ alg, enc, to, ...(from && { from }) });
    const packed = await authlib.encrypt(text, header, to, from);
    for (const own of to) {
      // oxlint-disable-next-line no-await-in-loop
      const { plaintext, sender, metadata } = await unpack(packed, {
        ...bobReads,
        recipientKey: (kid) => (kid === own.kid ? own.privateKey : undefined),
      });
      expect(plaintext).toBe(text);
      expect(sender).toBe(from && alice.did);
      expect(metadata).toMatchObject({ recipientKid: own.kid, encryption: [{ alg, enc }] });
    }
  });

  it.each(AGREEMENT_CURVES)("does not accept another key under the sender's id, on %s", async (curve) => {
    const [from, to] = [alice.key(curve), keysOn(curve)];
    const header = protectedHeader({ alg: AUTHCRYPT[0], enc: AUTHCRYPT[1], to, from });
    await expectRefusal(await authlib.encrypt(text, header, to, mallory.key(curve)), "decryption_failed");
    await expect(authlib.decrypt(pack(text, { from, to }), to[0], mallory.key(curve))).rejects.toThrow("InvalidUnwrap");
  });

  it.each(SIGNING_CURVES)("verifies our signatures on %s", async (curve) => {
    const key = alice.key(curve);
    expect(await authlib.verify(packSigned(text, key), key)).toBe(text);
    await expect(authlib.verify(packSigned(text, key), mallory.key(curve))).rejects.toThrow("BadSignature");
  });

  it.each([...SIGNING_CURVES, "secp256k1"] as const)("signs for us, on %s", async (curve) => {
    const key = alice.key(curve);
    const signed = await authlib.sign(text, { typ: "application/didcomm-signed+json", alg: ALGORITHMS[curve] }, key);
    const { plaintext, sender, metadata } = await unpack(signed, bobReads);
    expect(plaintext).toBe(text);
    expect(sender).toBe(alice.did);
    expect(metadata).toMatchObject({ signed: true, signFromKid: key.kid, signAlg: ALGORITHMS[curve] });
  });
});
