import { FlattenedEncrypt, GeneralSign, generalDecrypt, generalVerify, importJWK, type GeneralJWE, type GeneralJWS } from "jose";
import { describe, expect, it } from "vitest";
import { pack, packSigned, unpack } from "../src/index.ts";
import { keysOn, protectedHeader, text } from "./oracle-message.ts";
import { AGREEMENT_CURVES, SIGNING_CURVES, type TestKey } from "./parties.ts";
import { alice, bobReads, expectRefusal, mallory } from "./scenario.ts";

// jose knows no ECDH-1PU, so it reads and writes what is anonymous or signed only.
const ENCS = ["A256CBC-HS512", "A256GCM"] as const;
const anonymous = AGREEMENT_CURVES.flatMap((curve) => ENCS.map((enc) => [curve, enc] as const));
const ALGORITHMS = { Ed25519: "EdDSA", "P-256": "ES256", "P-384": "ES384" } as const;

const bytes = new TextEncoder().encode(text);

describe("jose", () => {
  it.each(anonymous)("decrypts our anoncrypt for each recipient: %s, %s", async (curve, enc) => {
    const to = keysOn(curve);
    const packed = JSON.parse(pack(text, { from: "anonymous", to, enc })) as GeneralJWE;
    for (const { kid, privateKey } of to) {
      const own = { ...packed, recipients: packed.recipients.filter(({ header }) => header?.["kid"] === kid) };
      // oxlint-disable-next-line no-await-in-loop
      const { plaintext, protectedHeader: header } = await generalDecrypt(own, await importJWK({ ...privateKey }, "ECDH-ES+A256KW"));
      expect(Buffer.from(plaintext).toString()).toBe(text);
      expect(header).toMatchObject({ alg: "ECDH-ES+A256KW", enc });
    }
    const stranger = await importJWK({ ...mallory.key(curve).privateKey }, "ECDH-ES+A256KW");
    await expect(generalDecrypt(packed, stranger)).rejects.toThrow("decryption operation failed");
  });

  it.each(anonymous)("encrypts anoncrypt for us: %s, %s", async (curve, enc) => {
    const [to] = keysOn(curve);
    const encrypted = await encryptWithJose(to, enc);
    const { plaintext, sender, metadata } = await unpack(JSON.stringify(encrypted), bobReads);
    expect(plaintext).toBe(text);
    expect(sender).toBeUndefined();
    expect(metadata).toMatchObject({ recipientKid: to.kid, encryption: [{ alg: "ECDH-ES+A256KW", enc }] });
    await expectRefusal(
      JSON.stringify({ ...encrypted, tag: `${encrypted.tag?.startsWith("A") === true ? "B" : "A"}${encrypted.tag?.slice(1)}` }),
      "decryption_failed",
    );
  });

  it.each(SIGNING_CURVES)("verifies our signatures on %s", async (curve) => {
    const key = alice.key(curve);
    const signed = JSON.parse(packSigned(text, key)) as GeneralJWS;
    const { payload, protectedHeader: header } = await generalVerify(signed, await importJWK({ ...key.publicKey }, ALGORITHMS[curve]));
    expect(Buffer.from(payload).toString()).toBe(text);
    expect(header).toEqual({ typ: "application/didcomm-signed+json", alg: ALGORITHMS[curve] });
    const stranger = await importJWK({ ...mallory.key(curve).publicKey }, ALGORITHMS[curve]);
    await expect(generalVerify(signed, stranger)).rejects.toThrow("signature verification failed");
  });

  it.each(SIGNING_CURVES)("signs for us, on %s", async (curve) => {
    const key = alice.key(curve);
    const signed = await new GeneralSign(bytes)
      .addSignature(await importJWK({ ...key.privateKey }, ALGORITHMS[curve]))
      .setProtectedHeader({ typ: "application/didcomm-signed+json", alg: ALGORITHMS[curve] })
      .setUnprotectedHeader({ kid: key.kid })
      .sign();
    const { plaintext, sender, metadata } = await unpack(JSON.stringify(signed), bobReads);
    expect(plaintext).toBe(text);
    expect(sender).toBe(alice.did);
    expect(metadata).toMatchObject({ signed: true, signFromKid: key.kid, signAlg: ALGORITHMS[curve] });
  });
});

/** For one recipient: where there are several, jose gives each an epk of its own, which DIDComm does not have. */
async function encryptWithJose(to: TestKey, enc: (typeof ENCS)[number]): ReturnType<FlattenedEncrypt["encrypt"]> {
  const { apv, ...header } = protectedHeader({ alg: "ECDH-ES+A256KW", enc, to: [to] });
  return new FlattenedEncrypt(bytes)
    .setProtectedHeader({ ...header })
    .setKeyManagementParameters({ apv: Buffer.from(apv, "base64url") })
    .setUnprotectedHeader({ kid: to.kid })
    .encrypt(await importJWK({ ...to.publicKey }, "ECDH-ES+A256KW"));
}
