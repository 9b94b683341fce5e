import { defaultCryptoProvider, getCiphersuiteFromName, type CiphersuiteImpl } from "ts-mls";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import type { MessageCrypto } from "../../src/crypto/mls-crypto.ts";
import { bothProviders, CLASSICAL } from "./providers.ts";

// The portable P-521 and X448 take milliseconds for each operation.
const ROUNDS: Record<number, number> = { 1: 40, 2: 20, 3: 40, 4: 5, 5: 5, 6: 5, 7: 10 };
const TIMES = gateOrSoak(1, 20);
/** Suites whose HPKE ts-mls does without optional packages: a third opinion, by another author. */
const THIRD = new Set([1, 2, 5, 7]);

describe.each(CLASSICAL)("suite %i: node and web agree", { timeout: gateOrSoak(120_000, 3_600_000) }, (id) => {
  const rounds = (ROUNDS[id] ?? 0) * TIMES;

  it("on digests, MACs and key derivation", async () => {
    const { node, web } = await bothProviders(id);
    for (let round = 0; round < 70 * TIMES; round++) {
      const [key, data] = [node.messages.random(round % 70), node.messages.random(round * 3)];
      expect(await node.handshake.hash.digest(data)).toEqual(await web.handshake.hash.digest(data));
      const mac = await node.handshake.hash.mac(key, data);
      expect(mac).toEqual(await web.handshake.hash.mac(key, data));
      expect(await node.handshake.hash.verifyMac(key, mac, data)).toBe(true);
      expect(await web.handshake.hash.verifyMac(key, mac, data)).toBe(true);
      mac[round % mac.length] = (mac[round % mac.length] ?? 0) ^ 1;
      expect(await node.handshake.hash.verifyMac(key, mac, data)).toBe(false);
      expect(await web.handshake.hash.verifyMac(key, mac, data)).toBe(false);
      const length = 1 + ((round * 7) % 300);
      expect(node.messages.expand(key, data, length)).toEqual(web.messages.expand(key, data, length));
      expect(await node.handshake.kdf.extract(key, data)).toEqual(await web.handshake.kdf.extract(key, data));
    }
  });

  it("on AEAD, and both refuse what was changed", async () => {
    const { node, web } = await bothProviders(id);
    for (let round = 0; round < 70 * TIMES; round++) {
      const [sender, receiver] = round % 2 === 0 ? [node.messages, web.messages] : [web.messages, node.messages];
      const key = sender.random(sender.keyLength);
      const nonce = sender.random(sender.nonceLength);
      const [aad, plaintext] = [sender.random(round % 40), sender.random(round * 5)];
      const sealed = sender.seal(key, nonce, aad, plaintext);
      expect(receiver.seal(key, nonce, aad, plaintext)).toEqual(sealed);
      expect(receiver.open(key, nonce, aad, sealed)).toEqual(plaintext);
      const at = round % sealed.length;
      sealed[at] = (sealed[at] ?? 0) ^ 0x40;
      for (const crypto of [sender, receiver]) {
        expect(crypto.open(key, nonce, aad, sealed)).toBeUndefined();
        expect(crypto.open(key, nonce, aad, sealed.subarray(0, round % 16))).toBeUndefined();
      }
    }
  });

  it("on signatures, and both refuse malformed ones", async () => {
    const { node, web } = await bothProviders(id);
    for (let round = 0; round < rounds; round++) {
      const [signer, other] = round % 2 === 0 ? [node, web] : [web, node];
      const { signKey, publicKey } = await signer.handshake.signature.keygen();
      const message = signer.messages.random(round);
      for (const { messages } of [signer, other]) {
        const signature = messages.sign(signKey, message);
        expect(node.messages.verify(publicKey, message, signature)).toBe(true);
        expect(web.messages.verify(publicKey, message, signature)).toBe(true);
      }
      const signature = signer.messages.sign(signKey, message);
      const at = round % signature.length;
      signature[at] = (signature[at] ?? 0) ^ 1;
      for (const crypto of [node.messages, web.messages]) expectRefused(crypto, publicKey, message, signature);
    }
  });

  it("on HPKE in every direction", async () => {
    const { node, web } = await bothProviders(id);
    const all: CiphersuiteImpl[] = [node.handshake, web.handshake];
    if (THIRD.has(id)) all.push(await defaultCryptoProvider.getCiphersuiteImpl(getCiphersuiteFromName(node.suite)));
    for (let round = 0; round < Math.ceil(rounds / 10); round++) {
      for (const { hpke: from } of all) {
        for (const { hpke: to } of all) {
          const ikm = node.messages.random(32 + round);
          const sent = await from.deriveKeyPair(ikm);
          const kept = await to.deriveKeyPair(ikm);
          const raw = await from.exportPublicKey(sent.publicKey);
          expect(raw).toEqual(await to.exportPublicKey(kept.publicKey));
          expect(await from.exportPrivateKey(sent.privateKey)).toEqual(await to.exportPrivateKey(kept.privateKey));

          const [info, aad, plaintext] = [ikm, node.messages.random(round), node.messages.random(round * 10)];
          const { enc, ct } = await from.seal(await from.importPublicKey(raw), plaintext, info, aad);
          const reimported = await to.importPrivateKey(await to.exportPrivateKey(kept.privateKey));
          expect(await to.open(reimported, enc, ct, info, aad)).toEqual(plaintext);

          const exported = await from.exportSecret(sent.publicKey, aad, 16 + round, info);
          expect(await to.importSecret(kept.privateKey, aad, exported.enc, 16 + round, info)).toEqual(exported.secret);
        }
      }
    }
  });
});

function expectRefused(crypto: MessageCrypto, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): void {
  expect(crypto.verify(publicKey, message, signature)).toBe(false);
  expect(crypto.verify(publicKey, message, signature.subarray(1))).toBe(false);
  expect(crypto.verify(publicKey, message, new Uint8Array(0))).toBe(false);
  expect(crypto.verify(publicKey.subarray(1), message, signature)).toBe(false);
  expect(crypto.verify(new Uint8Array(publicKey.length), message, signature)).toBe(false);
}
