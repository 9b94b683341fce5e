import { describe, expect, it } from "vitest";
import { algorithmsOf } from "../../src/crypto/suites.ts";
import { nameOf } from "../cipher-suites.ts";
import { PROVIDERS, SUITES } from "./providers.ts";

const EMPTY = new Uint8Array(0);
const malformed: unknown = expect.objectContaining({ code: "malformed" });

describe.each(SUITES)("suite %i", (id) => {
  describe.each(PROVIDERS)("%s", (_, create) => {
    const name = nameOf(id);

    it("rejects HPKE keys of another length", () => {
      const suite = create(name);
      const { privateKey, publicKey } = suite.generateKeyPair();
      for (const wrong of [0, 1, publicKey.length - 1, publicKey.length + 1]) {
        expect(() => suite.hpkeSeal(new Uint8Array(wrong), EMPTY, EMPTY, EMPTY)).toThrow(malformed);
      }
      const sealed = suite.hpkeSeal(publicKey, EMPTY, EMPTY, EMPTY);
      expect(suite.hpkeOpen(new Uint8Array(200), EMPTY, EMPTY, sealed)).toBeUndefined();
      expect(suite.hpkeOpen(privateKey, EMPTY, EMPTY, sealed)).toEqual(EMPTY);
    });

    it("rejects encryption to a key that is not a point of the curve, or gives no secret", () => {
      const suite = create(name);
      const zeros = new Uint8Array(suite.generateKeyPair().publicKey.length);
      for (const first of [0, 1, 2, 4]) {
        const point = zeros.slice();
        point[0] = first;
        if (first > 1 && algorithmsOf(name).dh.startsWith("X")) continue;
        expect(() => suite.hpkeSeal(point, EMPTY, EMPTY, EMPTY)).toThrow(malformed);
      }
    });

    it("returns undefined for an HPKE ciphertext of another key, info or length", () => {
      const suite = create(name);
      const { privateKey, publicKey } = suite.generateKeyPair();
      const sealed = suite.hpkeSeal(publicKey, EMPTY, EMPTY, Uint8Array.of(1, 2, 3));
      const { kemOutput, ciphertext } = sealed;
      const other = suite.generateKeyPair().privateKey;
      const wrong = [
        suite.hpkeOpen(other, EMPTY, EMPTY, sealed),
        suite.hpkeOpen(privateKey, Uint8Array.of(1), EMPTY, sealed),
        suite.hpkeOpen(privateKey, EMPTY, Uint8Array.of(1), sealed),
        suite.hpkeOpen(privateKey, EMPTY, EMPTY, { kemOutput, ciphertext: ciphertext.subarray(1) }),
        suite.hpkeOpen(privateKey, EMPTY, EMPTY, { kemOutput, ciphertext: EMPTY }),
        suite.hpkeOpen(privateKey, EMPTY, EMPTY, { kemOutput: kemOutput.subarray(1), ciphertext }),
        suite.hpkeOpen(privateKey, EMPTY, EMPTY, { kemOutput: new Uint8Array(kemOutput.length), ciphertext }),
        suite.hpkeOpen(privateKey, EMPTY, EMPTY, { kemOutput: EMPTY, ciphertext }),
        suite.open(new Uint8Array(suite.keyLength), new Uint8Array(suite.nonceLength), EMPTY, ciphertext),
      ];
      for (const plaintext of wrong) expect(plaintext).toBeUndefined();
    });

    it("rejects signing with bytes that are not a private key", () => {
      const suite = create(name);
      expect(() => suite.sign(new Uint8Array(200), EMPTY)).toThrow(malformed);
      expect(() => suite.sign(EMPTY, EMPTY)).toThrow(malformed);
    });
  });
});
