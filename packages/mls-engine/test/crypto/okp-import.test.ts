import * as crypto from "node:crypto";
import { describe, expect, it } from "vitest";
import type { NodeCrypto } from "../../src/crypto/native/node-module.ts";
import { okpImport } from "../../src/crypto/native/okp-import.ts";
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
  ["every import", (): boolean => false],
  ["no JWK with an empty x", ({ key }: PrivateKeyInput): boolean => key.x === ""],
  ["no private key of these curves", (): boolean => true],
] as const;

const LENGTHS = { X25519: 32, X448: 56, Ed25519: 32, Ed448: 57 };

it.each(CURVES)("imports private keys of %s as PKCS #8 if a JWK with an empty x is rejected", (crv) => {
  const node = nodeThatRejects(({ key }) => key.x === "");
  const importKey = okpImport(node, crv);
  const probes = node.imports.length;
  importKey?.(portablePrimitives.random(LENGTHS[crv]));
  expect(node.imports.slice(probes)).toEqual(["der"]);
});

it.each(CURVES)("has no import of %s if the runtime rejects every way", (crv) => {
  expect(
    okpImport(
      nodeThatRejects(() => true),
      crv,
    ),
  ).toBeUndefined();
});

describe.each(RUNTIMES)("a runtime that accepts %s", (_, isRejected) => {
  const native = nativePrimitives(nodeThatRejects(isRejected));

  it.each(["X25519", "X448"] as const)("agrees on %s secrets with JavaScript", (crv) => {
    const [group, portable] = [native.dh(crv), portablePrimitives.dh(crv)];
    for (let round = 0; round < 5; round++) {
      const [own, peer] = [portablePrimitives.random(LENGTHS[crv]), portablePrimitives.random(LENGTHS[crv])];
      const peerKey = portable.importPrivate(peer)?.publicKey ?? new Uint8Array(0);
      const secret = portable.importPrivate(own)?.agree(peerKey);
      expect(secret).toHaveLength(LENGTHS[crv]);
      expect(group.importPrivate(own)?.agree(peerKey)).toEqual(secret);
      expect(group.importPrivate(own)?.publicKey).toEqual(portable.importPrivate(own)?.publicKey);
    }
    expect(group.importPrivate(new Uint8Array(31))).toBeUndefined();
  });

  it.each(["Ed25519", "Ed448"] as const)("creates the same %s signatures as JavaScript", (crv) => {
    const [scheme, portable] = [native.signature(crv), portablePrimitives.signature(crv)];
    const { privateKey, publicKey } = scheme.generate();
    const message = portablePrimitives.random(100);
    const signature = scheme.sign(privateKey, message);
    expect(signature).toEqual(portable.sign(privateKey, message));
    expect(portable.verify(publicKey, message, signature)).toBe(true);
    expect(scheme.verify(publicKey, message, signature)).toBe(true);
  });
});
