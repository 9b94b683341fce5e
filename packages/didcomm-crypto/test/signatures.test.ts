import { createPrivateKey, sign } from "node:crypto";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { packSigned, unpack, type DidcommCryptoErrorCode } from "../src/index.ts";
import { expectCryptoError } from "./expect-error.ts";
import { forgeSigned, toBase64url } from "./forge.ts";
import { alice, bobReads, expectRefusal, from, mallory, plaintext } from "./scenario.ts";

describe("signatures", () => {
  const key = alice.key("Ed25519");
  const envelope = JSON.parse(forgeSigned(plaintext, key)) as { payload: string; signatures: Record<string, unknown>[] };
  const [entry = {}] = envelope.signatures;
  const withEntry = (members: Record<string, unknown>): string => JSON.stringify({ ...envelope, signatures: [{ ...entry, ...members }] });
  const header = (members: object): string =>
    toBase64url(JSON.stringify({ typ: "application/didcomm-signed+json", alg: "EdDSA", ...members }));

  it.each<[string, string, DidcommCryptoErrorCode]>([
    ["alg none", withEntry({ protected: header({ alg: "none" }) }), "alg_not_allowed"],
    ["alg HS256", withEntry({ protected: header({ alg: "HS256" }) }), "alg_not_allowed"],
    ["the alg of another key", withEntry({ protected: header({ alg: "ES256" }) }), "alg_not_allowed"],
    ["no alg", withEntry({ protected: header({ alg: undefined }) }), "alg_not_allowed"],
    ["typ of an encrypted message", withEntry({ protected: header({ typ: "application/didcomm-encrypted+json" }) }), "typ_invalid"],
    ["typ JWT", withEntry({ protected: header({ typ: "JWT" }) }), "typ_invalid"],
    ["crit", withEntry({ protected: header({ crit: ["b64"] }) }), "header_unsupported"],
    ["b64", withEntry({ protected: header({ b64: false }) }), "header_unsupported"],
    ["alg outside the protected header", withEntry({ header: { kid: key.kid, alg: "none" } }), "header_unsupported"],
    ["no kid", withEntry({ header: {} }), "kid_invalid"],
    ["a relative kid", withEntry({ header: { kid: "#ed25519-1" } }), "kid_invalid"],
    ["two kids", withEntry({ protected: header({ kid: key.kid }) }), "kid_invalid"],
    ["an unknown kid", withEntry({ header: { kid: `${alice.did}#x` } }), "key_not_found"],
    ["a key that agrees and does not sign", withEntry({ header: { kid: from.kid } }), "key_unsupported"],
    ["a signature by another key", withEntry({ header: { kid: mallory.key("Ed25519").kid } }), "signature_invalid"],
    ["an empty signature", withEntry({ signature: "" }), "signature_invalid"],
    ["an all-zero signature", withEntry({ signature: toBase64url(Buffer.alloc(64)) }), "signature_invalid"],
    ["a huge signature", withEntry({ signature: "A".repeat(10_000) }), "envelope_invalid"],
    ["no signature", withEntry({ signature: undefined }), "envelope_invalid"],
    ["another payload", JSON.stringify({ ...envelope, payload: toBase64url("{}") }), "signature_invalid"],
    ["a payload that is not base64url", JSON.stringify({ ...envelope, payload: "e30=" }), "envelope_invalid"],
    ["no signatures", JSON.stringify({ ...envelope, signatures: [] }), "envelope_invalid"],
    ["two signatures", JSON.stringify({ ...envelope, signatures: [entry, entry] }), "envelope_invalid"],
    ["both serialisations", JSON.stringify({ ...envelope, ...entry }), "header_unsupported"],
  ])("are rejected with %s", async (_, text, code) => {
    await expectRefusal(text, code);
  });

  it("are accepted in the flattened serialization", async () => {
    const { signatures: _, ...rest } = envelope;
    expect((await unpack(JSON.stringify({ ...rest, ...entry }), bobReads)).metadata.signAlg).toBe("EdDSA");
  });

  it("are accepted with kid in the protected header", async () => {
    const protectedText = header({ kid: key.kid });
    const privateKey = createPrivateKey({ key: { ...key.privateKey }, format: "jwk" });
    const signature = toBase64url(sign(null, Buffer.from(`${protectedText}.${envelope.payload}`), privateKey));
    expect((await unpack(withEntry({ protected: protectedText, header: undefined, signature }), bobReads)).sender).toBe(alice.did);
  });

  it.each(["Ed25519", "P-256", "P-384"] as const)("on %s prove the sender", async (curve) => {
    const { sender, metadata } = await unpack(packSigned(JSON.stringify(plaintext), alice.key(curve)), bobReads);
    expect(sender).toBe(alice.did);
    expect(metadata).toMatchObject({ signed: true, encrypted: false, signFromKid: alice.key(curve).kid });
  });

  it("with an unsupported alg are rejected before a key is looked up", async () => {
    const asked: string[] = [];
    const signerKey = (kid: string): undefined => void asked.push(kid);
    const text = withEntry({ protected: header({ alg: "none" }) });
    expectCryptoError(await rejectionOf(unpack(text, { ...bobReads, signerKey })), "alg_not_allowed");
    expect(asked).toEqual([]);
  });

  it.each([
    ["P-256", "ES256"],
    ["secp256k1", "ES256K"],
  ] as const)("on %s are rejected in DER", async (curve, alg) => {
    const { kid, privateKey } = alice.key(curve);
    const key = createPrivateKey({ key: { ...privateKey }, format: "jwk" });
    const protectedText = header({ alg });
    const signed = (dsaEncoding: "der" | "ieee-p1363"): string => {
      const signature = toBase64url(sign("sha256", Buffer.from(`${protectedText}.${envelope.payload}`), { key, dsaEncoding }));
      return withEntry({ protected: protectedText, header: { kid }, signature });
    };
    expect((await unpack(signed("ieee-p1363"), bobReads)).sender).toBe(alice.did);
    await expectRefusal(signed("der"), "signature_invalid");
  });

  it("are rejected without a key lookup", async () => {
    expectCryptoError(await rejectionOf(unpack(JSON.stringify(envelope), { recipientKey: () => undefined })), "key_not_found");
  });
});
