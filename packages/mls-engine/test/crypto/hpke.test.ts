import * as nodeCrypto from "node:crypto";
import { describe, expect, it } from "vitest";
import { createHkdf } from "../../src/crypto/hkdf.ts";
import { createHpke, type HpkeSuite } from "../../src/crypto/hpke.ts";
import { nativePrimitives } from "../../src/crypto/native/primitives.ts";
import { portablePrimitives } from "../../src/crypto/portable/primitives.ts";
import type { Primitives } from "../../src/crypto/primitives.ts";
import { fromHex, toHex } from "../vectors.ts";

// https://www.rfc-editor.org/rfc/rfc9180.html#appendix-A.1.1
const A11 = {
  info: "4f6465206f6e2061204772656369616e2055726e",
  ikmE: "7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234",
  enc: "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
  ikmR: "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037",
  skRm: "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
  pkRm: "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
  aad: "436f756e742d30",
  plaintext: "4265617574792069732074727574682c20747275746820626561757479",
  ciphertext: "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
  exports: [
    ["", "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee"],
    ["00", "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5"],
    ["54657374436f6e74657874", "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931"],
  ],
} as const;

describe.each([
  ["node", nativePrimitives(nodeCrypto)],
  ["web", portablePrimitives],
] as const)("RFC 9180 A.1.1, %s", (_, primitives: Primitives) => {
  const names = { kem: "X25519", kdf: "SHA-256", aead: "AES-128-GCM" } as const;
  const kdf = createHkdf(primitives.digest("SHA-256"));
  // The sender's randomness is the vector's.
  const hpke: HpkeSuite = createHpke(names, primitives.dh("X25519"), kdf, primitives.aead("AES-128-GCM"), () => fromHex(A11.ikmE));

  it("derives the recipient's keys", () => {
    const key = hpke.deriveKeyPair(fromHex(A11.ikmR));
    expect([toHex(key.raw), toHex(key.publicKey)]).toEqual([A11.skRm, A11.pkRm]);
  });

  it("seals and opens", () => {
    const sealed = hpke.seal(fromHex(A11.pkRm), fromHex(A11.info), fromHex(A11.aad), fromHex(A11.plaintext));
    expect(sealed && [toHex(sealed.enc), toHex(sealed.ciphertext)]).toEqual([A11.enc, A11.ciphertext]);
    const key = hpke.deriveKeyPair(fromHex(A11.ikmR));
    const opened = hpke.open(key, fromHex(A11.enc), fromHex(A11.info), fromHex(A11.aad), fromHex(A11.ciphertext));
    expect(opened && toHex(opened)).toBe(A11.plaintext);
  });

  it("exports", () => {
    const key = hpke.deriveKeyPair(fromHex(A11.ikmR));
    for (const [context, value] of A11.exports) {
      const sent = hpke.exportTo(fromHex(A11.pkRm), fromHex(A11.info), fromHex(context), 32);
      expect(sent && toHex(sent.secret)).toBe(value);
      const received = hpke.exportFrom(key, fromHex(A11.enc), fromHex(A11.info), fromHex(context), 32);
      expect(received && toHex(received)).toBe(value);
    }
  });
});

describe("HKDF", () => {
  it("gives any length up to 255 blocks, as node:crypto does", () => {
    const hkdf = createHkdf(portablePrimitives.digest("SHA-256"));
    const [ikm, salt, info] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5), Uint8Array.of(6)];
    for (const length of [1, 31, 32, 33, 64, 65, 1000, 255 * 32]) {
      const expected = new Uint8Array(nodeCrypto.hkdfSync("sha256", ikm, salt, info, length));
      expect(hkdf.expand(hkdf.extract(salt, ikm), info, length)).toEqual(expected);
    }
    expect(() => hkdf.expand(salt, info, 255 * 32 + 1)).toThrow(RangeError);
  });
});
