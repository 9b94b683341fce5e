import type { CiphersuiteImpl } from "ts-mls";
import { decryptWithLabel, encryptWithLabel } from "ts-mls/crypto/hpke.js";
import { refhash } from "ts-mls/crypto/hash.js";
import { deriveSecret, expandWithLabel } from "ts-mls/crypto/kdf.js";
import { signWithLabel, verifyWithLabel } from "ts-mls/crypto/signature.js";
import type { HpkeCiphertext } from "../codec/structures.ts";

/** A cipher suite's functions, as ts-mls names them. */
export type Suite = CiphersuiteImpl;

/** A key pair of the suite's KEM, as bytes. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** DeriveSecret (RFC 9420 §8). */
export function derive(suite: Suite, secret: Uint8Array, label: string): Promise<Uint8Array> {
  return deriveSecret(secret, label, suite.kdf);
}

/** ExpandWithLabel to the length of a hash (RFC 9420 §8). */
export function expand(suite: Suite, secret: Uint8Array, label: string, context: Uint8Array): Promise<Uint8Array> {
  return expandWithLabel(secret, label, context, suite.kdf.size, suite.kdf);
}

/** EncryptWithLabel (RFC 9420 §5.1.3). */
export async function encryptTo(
  suite: Suite,
  publicKey: Uint8Array,
  label: string,
  context: Uint8Array,
  plaintext: Uint8Array,
): Promise<HpkeCiphertext> {
  const key = await suite.hpke.importPublicKey(publicKey);
  const { enc, ct } = await encryptWithLabel(key, label, context, plaintext, suite.hpke);
  return { kemOutput: enc, ciphertext: ct };
}

/** DecryptWithLabel (RFC 9420 §5.1.3); `undefined` when the ciphertext isn't for this key and context. */
export async function decryptFrom(
  suite: Suite,
  privateKey: Uint8Array,
  label: string,
  context: Uint8Array,
  { kemOutput, ciphertext }: HpkeCiphertext,
): Promise<Uint8Array | undefined> {
  try {
    const key = await suite.hpke.importPrivateKey(privateKey);
    return await decryptWithLabel(key, label, context, kemOutput, ciphertext, suite.hpke);
  } catch {
    return undefined;
  }
}

/** SignWithLabel (RFC 9420 §5.1.2). */
export function sign(suite: Suite, privateKey: Uint8Array, label: string, content: Uint8Array): Promise<Uint8Array> {
  return signWithLabel(privateKey, label, content, suite.signature);
}

/** VerifyWithLabel (RFC 9420 §5.1.2); a key that is none verifies nothing. */
export async function verify(
  suite: Suite,
  publicKey: Uint8Array,
  label: string,
  content: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  try {
    return await verifyWithLabel(publicKey, label, content, signature, suite.signature);
  } catch {
    return false;
  }
}

/** RefHash (RFC 9420 §5.2). */
export function reference(suite: Suite, label: string, value: Uint8Array): Promise<Uint8Array> {
  return refhash(label, value, suite.hash);
}

/** The key pair of a path secret's node secret (RFC 9420 §7.4). */
export async function nodeKeyPair(suite: Suite, pathSecret: Uint8Array): Promise<KeyPair> {
  const nodeSecret = await derive(suite, pathSecret, "node");
  const pair = await suite.hpke.deriveKeyPair(nodeSecret);
  erase(nodeSecret);
  return exportPair(suite, pair);
}

/** A fresh key pair. */
export async function freshKeyPair(suite: Suite): Promise<KeyPair> {
  return exportPair(suite, await suite.hpke.generateKeyPair());
}

async function exportPair(suite: Suite, pair: Awaited<ReturnType<Suite["hpke"]["generateKeyPair"]>>): Promise<KeyPair> {
  return {
    publicKey: await suite.hpke.exportPublicKey(pair.publicKey),
    privateKey: await suite.hpke.exportPrivateKey(pair.privateKey),
  };
}

/** Overwrites secrets that are no longer needed. */
export function erase(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}
