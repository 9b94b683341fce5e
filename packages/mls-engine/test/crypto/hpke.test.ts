import * as nodeCrypto from "node:crypto";
import { describe, expect, it } from "vitest";
import { createHkdf } from "../../src/crypto/hkdf.ts";
import { createHpke, type Hpke } from "../../src/crypto/hpke.ts";
import { nativePrimitives } from "../../src/crypto/native/primitives.ts";
import { portablePrimitives } from "../../src/crypto/portable/primitives.ts";
import type { Primitives } from "../../src/crypto/primitives.ts";
import { fromHex, toHex } from "../vectors.ts";

// https://www.rfc-editor.org/rfc/rfc9180.html#appendix-A.1.1
const A11 = {
  info: "4f6465206f6e2061204772656369616e2055726e",
  ikmE: "7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234",
  skEm: "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
  enc: "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
  ikmR: "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037",
  skRm: "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
  pkRm: "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
  aad: "436f756e742d30",
  plaintext: "4265617574792069732074727574682c20747275746820626561757479",
  ciphertext: "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
} as const;

describe.each([
  ["node", nativePrimitives(nodeCrypto)],
  ["portable", portablePrimitives],
] as const)("RFC 9180 A.1.1, %s", (_, primitives: Primitives) => {
  const names = { dh: "X25519", hash: "SHA-256", aead: "AES-128-GCM" } as const;
  const kdf = createHkdf(primitives.digest("SHA-256"));
  // The sender's randomness is the vector's.
  const hpke: Hpke = createHpke(names, primitives.dh("X25519"), kdf, primitives.aead("AES-128-GCM"), () => fromHex(A11.skEm));

  it("derives the keys of sender and recipient", () => {
    const [sender, recipient] = [hpke.deriveKeyPair(fromHex(A11.ikmE)), hpke.deriveKeyPair(fromHex(A11.ikmR))];
    expect([toHex(sender.raw), toHex(sender.publicKey)]).toEqual([A11.skEm, A11.enc]);
    expect([toHex(recipient.raw), toHex(recipient.publicKey)]).toEqual([A11.skRm, A11.pkRm]);
  });

  it("seals and opens", () => {
    const sealed = hpke.seal(fromHex(A11.pkRm), fromHex(A11.info), fromHex(A11.aad), fromHex(A11.plaintext));
    expect(sealed && [toHex(sealed.kemOutput), toHex(sealed.ciphertext)]).toEqual([A11.enc, A11.ciphertext]);
    const key = hpke.deriveKeyPair(fromHex(A11.ikmR));
    const opened = hpke.open(key, fromHex(A11.info), fromHex(A11.aad), {
      kemOutput: fromHex(A11.enc),
      ciphertext: fromHex(A11.ciphertext),
    });
    expect(opened && toHex(opened)).toBe(A11.plaintext);
  });
});

describe("HKDF", () => {
  it("returns any length up to 255 blocks, equal to node:crypto", () => {
    const hkdf = createHkdf(portablePrimitives.digest("SHA-256"));
    const [ikm, salt, info] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5), Uint8Array.of(6)];
    for (const length of [1, 31, 32, 33, 64, 65, 1000, 255 * 32]) {
      const expected = new Uint8Array(nodeCrypto.hkdfSync("sha256", ikm, salt, info, length));
      expect(hkdf.expand(hkdf.extract(salt, ikm), info, length)).toEqual(expected);
    }
    expect(() => hkdf.expand(salt, info, 255 * 32 + 1)).toThrow(RangeError);
  });
});
