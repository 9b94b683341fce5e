import { equalBytes } from "../codec/bytes.ts";
import type { Reader } from "../codec/reader.ts";
import {
  ExtensionType,
  MLS10,
  readExtensions,
  writeExtensions,
  type Credential,
  type Extension,
  type Lifetime,
} from "../codec/structures.ts";
import { encode } from "../codec/writer.ts";
import type { CipherSuite, KeyPair } from "../crypto/cipher-suite.ts";
import { erase, refHash, signWithLabel, verifyWithLabel } from "../crypto/labels.ts";
import { MlsEngineError } from "../errors.ts";
import { ownCapabilities, supportsOwnExtensions } from "../tree/capabilities.ts";
import { readLeafNode, signLeaf, type LeafNode } from "../tree/leaf-node.ts";

/**
 * A key package ([RFC 9420 §10](https://www.rfc-editor.org/rfc/rfc9420.html#section-10)): published by a client, so that members of a group can
 * add it while it is offline.
 */
export interface KeyPackage {
  readonly version: number;
  readonly suite: number;
  /** The public key that the Welcome is encrypted to. */
  readonly initKey: Uint8Array;
  readonly leaf: LeafNode;
  readonly extensions: readonly Extension[];
  readonly signature: Uint8Array;
  /** The whole encoding. */
  readonly bytes: Uint8Array;
  /** The encoding without the signature (KeyPackageTBS). */
  readonly unsigned: Uint8Array;
}

/** The private keys of a key package. */
export interface KeyPackageSecrets {
  readonly initKey: Uint8Array;
  readonly encryptionKey: Uint8Array;
}

/** A key package of this client, with its private keys. */
export interface OwnKeyPackage {
  readonly keyPackage: KeyPackage;
  readonly secrets: KeyPackageSecrets;
}

/** The credential of a member, and the signature key pair that belongs to it. */
export interface Signer {
  readonly credential: Credential;
  readonly signatureKey: KeyPair;
}

export function readKeyPackage(r: Reader): KeyPackage {
  const start = r.offset;
  const version = r.u16();
  const suite = r.u16();
  const initKey = r.vector();
  const leaf = readLeafNode(r);
  const extensions = readExtensions(r);
  const unsigned = r.since(start);
  const signature = r.vector();
  return { version, suite, initKey, leaf, extensions, signature, unsigned, bytes: r.since(start) };
}

/** Creates a key package with fresh keys. */
export function createKeyPackage(suite: CipherSuite, signer: Signer, lifetime: Lifetime, lastResort: boolean): OwnKeyPackage {
  const init = suite.generateKeyPair();
  const encryption = suite.generateKeyPair();
  const leaf = signLeaf(
    suite,
    signer.signatureKey.privateKey,
    {
      encryptionKey: encryption.publicKey,
      signatureKey: signer.signatureKey.publicKey,
      credential: signer.credential,
      capabilities: ownCapabilities(suite, signer.credential),
      source: { kind: "key_package", lifetime },
      extensions: [],
    },
    undefined,
  );
  const extensions: Extension[] = lastResort ? [{ type: ExtensionType.lastResort, data: new Uint8Array() }] : [];
  const unsigned = encode((w) => {
    w.u16(MLS10).u16(suite.id).vector(init.publicKey).raw(leaf.bytes);
    writeExtensions(w, extensions);
  });
  const signature = signWithLabel(suite, signer.signatureKey.privateKey, "KeyPackageTBS", unsigned);
  const bytes = encode((w) => w.raw(unsigned).vector(signature));
  return {
    keyPackage: { version: MLS10, suite: suite.id, initKey: init.publicKey, leaf, extensions, signature, unsigned, bytes },
    secrets: { initKey: init.privateKey, encryptionKey: encryption.privateKey },
  };
}

/**
 * Validates a key package apart from its leaf ([RFC 9420 §10.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-10.1)). The leaf is
 * validated together with the group that it joins.
 *
 * @throws MlsEngineError `invalid_key_package`
 */
export function checkKeyPackage(suite: CipherSuite, keyPackage: KeyPackage): void {
  const { leaf, signature } = keyPackage;
  const reject = (why: string): MlsEngineError => new MlsEngineError("invalid_key_package", why);
  if (keyPackage.version !== MLS10) throw reject("The key package is for another version of MLS");
  if (keyPackage.suite !== suite.id) throw reject("The key package is for another cipher suite");
  if (leaf.source.kind !== "key_package") throw reject("The leaf of the key package has another source than a key package");
  if (equalBytes(keyPackage.initKey, leaf.encryptionKey)) throw reject("The init key of the key package is also its encryption key");
  if (!supportsOwnExtensions(leaf, keyPackage.extensions)) throw reject("The key package has an extension that its leaf doesn't support");
  if (!verifyWithLabel(suite, leaf.signatureKey, "KeyPackageTBS", keyPackage.unsigned, signature)) {
    throw reject("The signature of the key package is invalid");
  }
}

/** The reference of a key package, by which a Welcome names it (RFC 9420 §5.2). */
export function keyPackageReference(suite: CipherSuite, keyPackage: KeyPackage): Uint8Array {
  return refHash(suite, "MLS 1.0 KeyPackage Reference", keyPackage.bytes);
}

/** Whether a key package may be used for more than one group (RFC 9420 §16.8). */
export function isLastResort(keyPackage: KeyPackage): boolean {
  return keyPackage.extensions.some((e) => e.type === ExtensionType.lastResort);
}

export function eraseKeyPackageSecrets(secrets: KeyPackageSecrets): void {
  erase(secrets.initKey, secrets.encryptionKey);
}
