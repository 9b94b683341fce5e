import * as crypto from "node:crypto";
import { describe, expect, it } from "vitest";
import { createNativeCrypto } from "../../src/crypto/create-crypto.ts";
import { suiteName } from "../../src/crypto/suites.ts";
import type { NodeCrypto } from "../../src/crypto/native/node-module.ts";
import { okpImport, okpPublicKey } from "../../src/crypto/native/okp-import.ts";
import { nativePrimitives } from "../../src/crypto/native/primitives.ts";
import { portablePrimitives } from "../../src/crypto/portable/primitives.ts";

type PrivateKeyInput = { readonly key: { readonly kty?: string; readonly x?: string }; readonly format?: string };

/** A node:crypto that rejects some ways to import the private key of an Edwards or Montgomery curve, as other runtimes do. */
function nodeThatRejects(isRejected: (input: PrivateKeyInput) => boolean): NodeCrypto & { readonly imports: string[] } {
  const imports: string[] = [];
  const createPrivateKey = (input: PrivateKeyInput): crypto.KeyObject => {
    if (input.key.kty !== "EC" && isRejected(input)) throw new TypeError("Invalid JWK OKP key");
    imports.push(String(input.format));
    return crypto.createPrivateKey(input as never);
  };
  return { ...crypto, createPrivateKey: createPrivateKey as typeof crypto.createPrivateKey, imports };
}

const CURVES = ["X25519", "X448", "Ed25519", "Ed448"] as const;
/** What the last release of Node 20 does, what Node 24.22.1 and newer do, and what a runtime without these curves does. */
const RUNTIMES = [
  ["every import", (): boolean => false, undefined],
  ["no JWK with an empty x", ({ key }: PrivateKeyInput): boolean => key.x === "", "der"],
  ["no private key of these curves", (): boolean => true, undefined],
] as const;

describe.each(RUNTIMES)("a runtime that accepts %s", (name, isRejected, way) => {
  it.each(CURVES)("imports private keys of %s, or leaves it to JavaScript", (crv) => {
    const node = nodeThatRejects(isRejected);
    const importKey = okpImport(node, crv);
    if (name === "no private key of these curves") return expect(importKey).toBeUndefined();
    const raw = portablePrimitives.random(crv === "X448" ? 56 : crv === "Ed448" ? 57 : 32);
    const probes = node.imports.length;
    const publicKey = okpPublicKey(node, importKey?.(raw) ?? expect.fail("the curve is not supported"));
    if (way !== undefined) expect(node.imports.slice(probes)).toEqual([way]);
    if (crv === "X25519" || crv === "X448") expect(publicKey).toEqual(portablePrimitives.dh(crv).importPrivate(raw)?.publicKey);
    else expect(portablePrimitives.signature(crv).verify(publicKey, raw, nativePrimitives(node).signature(crv).sign(raw, raw))).toBe(true);
  });

  it.each([1, 3, 4, 6])("has suite %i, and its keys are those of JavaScript", { timeout: 60_000 }, async (suite) => {
    const { handshake, messages } = await createNativeCrypto(nodeThatRejects(isRejected), suiteName(suite) ?? expect.fail());
    const { signKey, publicKey } = await handshake.signature.keygen();
    const message = messages.random(100);
    expect(messages.verify(publicKey, message, messages.sign(signKey, message))).toBe(true);
    const { privateKey, publicKey: recipient } = await handshake.hpke.deriveKeyPair(messages.random(32));
    const { enc, ct } = await handshake.hpke.seal(recipient, message, new Uint8Array(0));
    expect(await handshake.hpke.open(privateKey, enc, ct, new Uint8Array(0))).toEqual(message);
  });

  it.each(["X25519", "X448"] as const)("agrees on the same secrets of %s as JavaScript", { timeout: 60_000 }, (crv) => {
    const [native, portable] = [nativePrimitives(nodeThatRejects(isRejected)).dh(crv), portablePrimitives.dh(crv)];
    for (let round = 0; round < 5; round++) {
      const [own, peer] = [portablePrimitives.random(native.privateLength), portablePrimitives.random(native.privateLength)];
      const peerKey = portable.importPrivate(peer)?.publicKey ?? expect.fail();
      expect(native.importPrivate(own)?.agree(peerKey)).toEqual(portable.importPrivate(own)?.agree(peerKey));
    }
    expect(native.importPrivate(new Uint8Array(31))).toBeUndefined();
  });
});
