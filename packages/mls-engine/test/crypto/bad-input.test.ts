import { describe, expect, it } from "vitest";
import { MlsError } from "../../src/errors.ts";
import { suiteName, suiteOf } from "../../src/crypto/suites.ts";
import { CLASSICAL, PROVIDERS } from "./providers.ts";

/** The code that a promise is rejected with. */
async function rejection(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof MlsError) return error.code;
    throw error;
  }
  return "nothing";
}

const EMPTY = new Uint8Array(0);

describe.each(CLASSICAL)("suite %i", (id) => {
  describe.each(PROVIDERS)("%s", (_, create) => {
    const suite = suiteOf(suiteName(id) ?? ("" as never));

    it("refuses HPKE keys of another length", async () => {
      const { hpke } = (await create(suite.name)).handshake;
      const { publicKey } = await hpke.generateKeyPair();
      const length = (await hpke.exportPublicKey(publicKey)).length;
      for (const wrong of [0, 1, length - 1, length + 1]) {
        expect(await rejection(hpke.importPublicKey(new Uint8Array(wrong)))).toBe("malformed");
      }
      expect(await rejection(hpke.importPrivateKey(new Uint8Array(200)))).toBe("malformed");
    });

    it("refuses to encrypt to what is no point of the curve, or gives no secret", async () => {
      const { hpke } = (await create(suite.name)).handshake;
      const { publicKey } = await hpke.generateKeyPair();
      const zeros = new Uint8Array((await hpke.exportPublicKey(publicKey)).length);
      for (const first of [0, 1, 2, 4]) {
        const point = zeros.slice();
        point[0] = first;
        if (first > 1 && suite.kem.startsWith("X")) continue;
        const imported = await hpke.importPublicKey(point);
        expect(await rejection(hpke.seal(imported, EMPTY, EMPTY))).toBe("malformed");
        expect(await rejection(hpke.exportSecret(imported, EMPTY, 32, EMPTY))).toBe("malformed");
      }
    });

    it("tells nothing more about an HPKE ciphertext than that it doesn't fit", async () => {
      const { hpke } = (await create(suite.name)).handshake;
      const { privateKey, publicKey } = await hpke.generateKeyPair();
      const { enc, ct } = await hpke.seal(publicKey, Uint8Array.of(1, 2, 3), EMPTY);
      const other = (await hpke.generateKeyPair()).privateKey;
      const wrong = [
        hpke.open(other, enc, ct, EMPTY),
        hpke.open(privateKey, enc, ct, Uint8Array.of(1)),
        hpke.open(privateKey, enc, ct, EMPTY, Uint8Array.of(1)),
        hpke.open(privateKey, enc, ct.subarray(1), EMPTY),
        hpke.open(privateKey, enc, EMPTY, EMPTY),
        hpke.open(privateKey, enc.subarray(1), ct, EMPTY),
        hpke.open(privateKey, new Uint8Array(enc.length), ct, EMPTY),
        hpke.importSecret(privateKey, EMPTY, EMPTY, 32, EMPTY),
        hpke.decryptAead(new Uint8Array(hpke.keyLength), new Uint8Array(hpke.nonceLength), undefined, ct),
      ];
      for (const promise of wrong) expect(await rejection(promise)).toBe("decryption_failure");
    });

    it("refuses to sign with what is no private key", async () => {
      const { messages } = await create(suite.name);
      expect(() => messages.sign(new Uint8Array(200), EMPTY)).toThrow(expect.objectContaining({ code: "malformed" }));
      expect(() => messages.sign(EMPTY, EMPTY)).toThrow(expect.objectContaining({ code: "malformed" }));
    });
  });
});
