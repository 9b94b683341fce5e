import { describe, expect, it } from "vitest";
import { unpack, type DidcommCryptoErrorCode } from "../src/index.ts";
import type { AgreementCurve } from "../src/keys/curve.ts";
import { forge, forgeSigned, toBase64url, type Draft } from "./forge.ts";
import { generateKey, type TestKey } from "./parties.ts";
import { alice, bob, bobReads, expectRefusal, forgeAuth, from, mallory, plaintext, to } from "./scenario.ts";

const bob2 = bob.keys.get(`${bob.did}#x25519-2`) ?? to;

describe("a message forged for these tests", () => {
  it("is accepted if nothing is changed", async () => {
    expect((await unpack(forgeAuth({}), bobReads)).sender).toBe(alice.did);
    expect((await unpack(forge(plaintext, { to, enc: "A256GCM" }), bobReads)).sender).toBeUndefined();
    expect((await unpack(forgeSigned(plaintext, alice.key("Ed25519")), bobReads)).sender).toBe(alice.did);
  });
});

describe("the protected header", () => {
  type Change = (draft: Draft) => void;
  const set =
    (members: Record<string, unknown>): Change =>
    (draft) =>
      Object.assign(draft.protected, members);
  const without =
    (...members: string[]): Change =>
    (draft) => {
      for (const member of members) draft.protected[member] = undefined;
    };
  const p256 = generateKey("#", "P-256").publicKey;

  it.each<[string, Change, DidcommCryptoErrorCode]>([
    ["typ of another thing", set({ typ: "JWT" }), "typ_invalid"],
    ["typ of a signed message", set({ typ: "application/didcomm-signed+json" }), "typ_invalid"],
    ["typ of a plaintext", set({ typ: "application/didcomm-plain+json" }), "typ_invalid"],
    ["typ that is not a string", set({ typ: ["application/didcomm-encrypted+json"] }), "typ_invalid"],
    ["crit", set({ crit: ["exp"], exp: 1 }), "header_unsupported"],
    ["an empty crit", set({ crit: [] }), "header_unsupported"],
    ["zip", set({ zip: "DEF" }), "header_unsupported"],
    ["no alg", without("alg"), "alg_not_allowed"],
    ["alg dir", set({ alg: "dir" }), "alg_not_allowed"],
    ["alg none", set({ alg: "none" }), "alg_not_allowed"],
    ["alg ECDH-ES", set({ alg: "ECDH-ES" }), "alg_not_allowed"],
    ["alg ECDH-1PU+A128KW", set({ alg: "ECDH-1PU+A128KW" }), "alg_not_allowed"],
    ["alg in another case", set({ alg: "ecdh-1pu+a256kw" }), "alg_not_allowed"],
    ["alg that is a list", set({ alg: ["ECDH-1PU+A256KW"] }), "alg_not_allowed"],
    ["alg of anoncrypt with a sender", set({ alg: "ECDH-ES+A256KW" }), "header_unsupported"],
    ["no enc", without("enc"), "alg_not_allowed"],
    ["enc A128CBC-HS256", set({ enc: "A128CBC-HS256" }), "alg_not_allowed"],
    ["ECDH-1PU with A256GCM", set({ enc: "A256GCM" }), "alg_not_allowed"],
    ["ECDH-1PU with XC20P", set({ enc: "XC20P" }), "alg_not_allowed"],
    ["no apu", without("apu"), "apu_invalid"],
    ["no apu and no skid", without("apu", "skid"), "apu_invalid"],
    ["apu of another key", set({ apu: toBase64url(`${alice.did}#other`) }), "apu_invalid"],
    ["apu with padding", set({ apu: `${toBase64url(from.kid)}=` }), "apu_invalid"],
    ["apu that is a number", set({ apu: 1 }), "apu_invalid"],
    ["apu that is not UTF-8", set({ apu: "_w", skid: undefined }), "apu_invalid"],
    ["skid of another key", set({ skid: mallory.key("X25519").kid }), "apu_invalid"],
    ["a relative skid", set({ skid: "#key-1", apu: toBase64url("#key-1") }), "kid_invalid"],
    ["skid without fragment", set({ skid: alice.did, apu: toBase64url(alice.did) }), "kid_invalid"],
    ["no apv", without("apv"), "apv_invalid"],
    ["an empty apv", set({ apv: "" }), "apv_invalid"],
    ["apv of another recipient", set({ apv: toBase64url(bob2.kid) }), "apv_invalid"],
    ["no epk", without("epk"), "epk_invalid"],
    ["epk that is a text", set({ epk: "x" }), "epk_invalid"],
    ["epk on the curve of signatures", set({ epk: alice.key("Ed25519").publicKey }), "epk_invalid"],
    ["epk on another curve than the recipient's key", set({ epk: p256 }), "epk_invalid"],
    ["a private epk", set({ epk: mallory.key("X25519").privateKey }), "epk_invalid"],
    ["a short epk", set({ epk: { ...from.publicKey, x: "AAAA" } }), "epk_invalid"],
    ["a long epk", set({ epk: { ...from.publicKey, x: "A".repeat(4000) } }), "epk_invalid"],
    ["epk with bits beyond its end", set({ epk: { ...from.publicKey, x: `${"A".repeat(42)}B` } }), "epk_invalid"],
    ["epk of two kinds", set({ epk: { ...from.publicKey, kty: "EC" } }), "epk_invalid"],
    ["epk off its curve", set({ epk: { ...p256, y: p256.x } }), "epk_invalid"],
    ["epk of another curve", set({ epk: { ...bob.key("secp256k1").publicKey, crv: "P-256" } }), "epk_invalid"],
    ["epk whose coordinates are too large", set({ epk: { ...p256, x: Buffer.alloc(32, 255).toString("base64url") } }), "epk_invalid"],
  ])("is rejected with %s", async (_, change, code) => {
    await expectRefusal(forgeAuth({ change }), code);
  });

  it.each([
    ["without typ", without("typ")],
    ["with typ cut short", set({ typ: "didcomm-encrypted+json" })],
    ["with typ in capitals", set({ typ: "APPLICATION/DIDComm-Encrypted+JSON" })],
    ["without skid, which apu tells", without("skid")],
    ["with unknown members", set({ cty: "application/didcomm-plain+json", x: { y: [1] } })],
  ])("is accepted %s", async (_, change) => {
    expect((await unpack(forgeAuth({ change }), bobReads)).metadata.encryptedFromKid).toBe(from.kid);
  });

  it.each([
    ["zero", Buffer.alloc(32)],
    ["one", Buffer.from([1, ...Buffer.alloc(31)])],
    ["order 8", Buffer.from("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", "hex")],
    ["order 8, the other", Buffer.from("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", "hex")],
    ["p - 1", Buffer.from("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "hex")],
    ["p", Buffer.from("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "hex")],
    ["p + 1", Buffer.from("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "hex")],
  ])("is rejected with an epk of low order: %s", async (_, point) => {
    const epk = { kty: "OKP", crv: "X25519", x: point.toString("base64url") };
    await expectRefusal(forgeAuth({ change: set({ epk }) }), "decryption_failed");
  });

  it.each<[string, unknown]>([
    ["no base64url", "A"],
    ["a number", 1],
  ])("of anoncrypt is rejected with an apu that is %s", async (_, apu) => {
    await expectRefusal(forge(plaintext, { to, change: set({ apu }) }), "apu_invalid");
  });

  it("is rejected with another sender's epk", async () => {
    await expectRefusal(forgeAuth({ change: set({ epk: mallory.key("X25519").publicKey }) }), "decryption_failed");
  });

  it.each(["P-256", "P-384", "P-521"] as const)(
    "is rejected with an epk off its curve %s or of another length, where the recipient has a key",
    async (curve) => {
      const { publicKey } = mallory.key(curve);
      if (!("y" in publicKey)) throw new Error("A point has a y");
      const { x, y } = publicKey;
      const longer = toBase64url(Buffer.concat([Buffer.alloc(1), Buffer.from(x, "base64url")]));
      for (const epk of [
        { ...publicKey, y: x },
        { ...publicKey, x: "A".repeat(x.length) },
        { ...publicKey, x: longer },
        { ...publicKey, x: `${x}=` },
        { ...publicKey, y: undefined },
        { ...publicKey, x: y, y: x },
      ]) {
        const text = forge(plaintext, { from: alice.key(curve), to: bob.key(curve), change: set({ epk }) });
        // oxlint-disable-next-line no-await-in-loop
        await expectRefusal(text, "epk_invalid");
      }
      const text = forge(plaintext, { from: alice.key(curve), to: bob.key(curve), change: set({ epk: publicKey }) });
      await expectRefusal(text, "decryption_failed");
    },
  );

  it.each(["P-256", "P-521"] as const)("is accepted with an epk on %s without leading zeros", async (curve) => {
    const epk = keyWithLeadingZero(curve);
    const bytes = Buffer.from(epk.publicKey.x, "base64url");
    const change = set({ epk: { ...epk.publicKey, x: toBase64url(bytes.subarray(1)) } });
    expect((await unpack(forge(plaintext, { from: alice.key(curve), to: bob.key(curve), epk, change }), bobReads)).sender).toBe(alice.did);
  });
});

/** One key in 256 has one, on P-521 every other. Keys on P-384 take too long to make. */
function keyWithLeadingZero(curve: AgreementCurve): TestKey {
  for (;;) {
    const key = generateKey("#", curve);
    if (Buffer.from(key.publicKey.x, "base64url")[0] === 0) return key;
  }
}
