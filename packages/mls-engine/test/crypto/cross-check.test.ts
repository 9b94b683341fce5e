import { defaultCryptoProvider, getCiphersuiteFromName, type CiphersuiteImpl } from "ts-mls";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import { bothProviders, SUITES } from "./providers.ts";

// The portable P-521 and X448 take milliseconds for each operation.
const ROUNDS: Record<number, number> = { 1: 40, 2: 20, 3: 40, 4: 5, 5: 5, 6: 5, 7: 10 };
const TIMES = gateOrSoak(1, 20);
/** Suites whose HPKE ts-mls implements without optional packages: a third implementation, by another author. */
const THIRD = new Set([1, 2, 5, 7]);

describe.each(SUITES)("suite %i: both implementations agree", { timeout: gateOrSoak(120_000, 3_600_000) }, (id) => {
  const rounds = (ROUNDS[id] ?? 0) * TIMES;
  const { node, portable } = bothProviders(id);

  it("on digests, MACs and key derivation", () => {
    for (let round = 0; round < 70 * TIMES; round++) {
      const [key, data] = [node.random(round % 70), node.random(round * 3)];
      expect(node.hash(data)).toEqual(portable.hash(data));
      expect(node.mac(key, data)).toEqual(portable.mac(key, data));
      const length = 1 + ((round * 7) % 300);
      expect(node.expand(key, data, length)).toEqual(portable.expand(key, data, length));
      expect(node.extract(key, data)).toEqual(portable.extract(key, data));
    }
  });

  it("on AEAD, and both reject modified ciphertexts", () => {
    for (let round = 0; round < 70 * TIMES; round++) {
      const [sender, receiver] = round % 2 === 0 ? [node, portable] : [portable, node];
      const key = sender.random(sender.keyLength);
      const nonce = sender.random(sender.nonceLength);
      const [aad, plaintext] = [sender.random(round % 40), sender.random(round * 5)];
      const sealed = sender.seal(key, nonce, aad, plaintext);
      expect(receiver.seal(key, nonce, aad, plaintext)).toEqual(sealed);
      expect(receiver.open(key, nonce, aad, sealed)).toEqual(plaintext);
      const at = round % sealed.length;
      sealed[at] = (sealed[at] ?? 0) ^ 0x40;
      for (const suite of [sender, receiver]) {
        expect(suite.open(key, nonce, aad, sealed)).toBeUndefined();
        expect(suite.open(key, nonce, aad, sealed.subarray(0, round % 16))).toBeUndefined();
      }
    }
  });

  it("on signatures, and both reject malformed ones", () => {
    for (let round = 0; round < rounds; round++) {
      const [signer, other] = round % 2 === 0 ? [node, portable] : [portable, node];
      const { privateKey, publicKey } = signer.generateSignatureKeyPair();
      const message = signer.random(round);
      for (const suite of [signer, other]) {
        const signature = suite.sign(privateKey, message);
        expect(node.verify(publicKey, message, signature)).toBe(true);
        expect(portable.verify(publicKey, message, signature)).toBe(true);
      }
      const signature = signer.sign(privateKey, message);
      const at = round % signature.length;
      signature[at] = (signature[at] ?? 0) ^ 1;
      for (const suite of [node, portable]) expectRejected(suite, publicKey, message, signature);
    }
  });

  it("on HPKE in every direction", () => {
    for (let round = 0; round < Math.ceil(rounds / 10); round++) {
      for (const from of [node, portable]) {
        for (const to of [node, portable]) {
          const ikm = node.random(32 + round);
          const pair = to.deriveKeyPair(ikm);
          expect(from.deriveKeyPair(ikm)).toEqual(pair);
          const [info, aad, plaintext] = [ikm, node.random(round), node.random(round * 10)];
          const sealed = from.hpkeSeal(pair.publicKey, info, aad, plaintext);
          expect(to.hpkeOpen(pair.privateKey, info, aad, sealed)).toEqual(plaintext);
        }
      }
    }
  });

  if (!THIRD.has(id)) return;
  it("on HPKE with ts-mls", async () => {
    const theirs: CiphersuiteImpl = await defaultCryptoProvider.getCiphersuiteImpl(getCiphersuiteFromName(node.name));
    const { hpke } = theirs;
    for (let round = 0; round < Math.ceil(rounds / 10); round++) {
      for (const ours of [node, portable]) {
        const ikm = ours.random(32 + round);
        const pair = ours.deriveKeyPair(ikm);
        const derived = await hpke.deriveKeyPair(ikm);
        expect(await hpke.exportPublicKey(derived.publicKey)).toEqual(pair.publicKey);
        expect(await hpke.exportPrivateKey(derived.privateKey)).toEqual(pair.privateKey);

        const [info, aad, plaintext] = [ikm, ours.random(round), ours.random(round * 10)];
        const sent = await hpke.seal(await hpke.importPublicKey(pair.publicKey), plaintext, info, aad);
        expect(ours.hpkeOpen(pair.privateKey, info, aad, { kemOutput: sent.enc, ciphertext: sent.ct })).toEqual(plaintext);
        const { kemOutput, ciphertext } = ours.hpkeSeal(pair.publicKey, info, aad, plaintext);
        expect(await hpke.open(await hpke.importPrivateKey(pair.privateKey), kemOutput, ciphertext, info, aad)).toEqual(plaintext);
      }
    }
  });
});

function expectRejected(suite: CipherSuite, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): void {
  expect(suite.verify(publicKey, message, signature)).toBe(false);
  expect(suite.verify(publicKey, message, signature.subarray(1))).toBe(false);
  expect(suite.verify(publicKey, message, new Uint8Array(0))).toBe(false);
  expect(suite.verify(publicKey.subarray(1), message, signature)).toBe(false);
  expect(suite.verify(new Uint8Array(publicKey.length), message, signature)).toBe(false);
}
