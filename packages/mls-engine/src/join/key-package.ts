import { MlsError } from "../errors.ts";
import { encode, equalBytes, type Reader } from "../codec/codec.ts";
import { erase, freshKeyPair, reference, sign, verify, type Suite } from "../crypto/labels.ts";
import { encodeUnsignedLeaf, readLeafNode, signedLeaf, type LeafContent, type LeafNode } from "../tree/leaf-node.ts";
import { ownCapabilities, supportsOwnExtensions } from "../tree/capabilities.ts";
import {
  ExtensionType,
  MLS10,
  readExtensions,
  writeExtensions,
  type Credential,
  type Extension,
  type Lifetime,
} from "../codec/structures.ts";
import { suiteId } from "../crypto/suite-id.ts";

/** RFC 9420 §10. */
export interface KeyPackage {
  readonly version: number;
  readonly suite: number;
  readonly initKey: Uint8Array;
  readonly leaf: LeafNode;
  readonly extensions: readonly Extension[];
  readonly signature: Uint8Array;
  /** As on the wire. */
  readonly bytes: Uint8Array;
  readonly unsigned: Uint8Array;
}

/** The private halves of a key package. */
export interface KeyPackageSecrets {
  readonly initKey: Uint8Array;
  readonly encryptionKey: Uint8Array;
}

/** A member's signature key and what it stands for. */
export interface Signer {
  readonly credential: Credential;
  readonly signatureKey: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
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

/** A new key package with its private halves. */
export async function createKeyPackage(
  suite: Suite,
  signer: Signer,
  lifetime: Lifetime,
  lastResort: boolean,
): Promise<{ keyPackage: KeyPackage; secrets: KeyPackageSecrets }> {
  const init = await freshKeyPair(suite);
  const encryption = await freshKeyPair(suite);
  const content: LeafContent = {
    encryptionKey: encryption.publicKey,
    signatureKey: signer.signatureKey.publicKey,
    credential: signer.credential,
    capabilities: ownCapabilities(suite, signer.credential),
    source: { kind: "key_package", lifetime },
    extensions: [],
  };
  const unsignedLeaf = encodeUnsignedLeaf(content);
  const leaf = signedLeaf(content, unsignedLeaf, await sign(suite, signer.signatureKey.privateKey, "LeafNodeTBS", unsignedLeaf));
  const extensions: Extension[] = lastResort ? [{ type: ExtensionType.lastResort, data: new Uint8Array() }] : [];
  const unsigned = encode((w) => {
    w.u16(MLS10).u16(suiteId(suite)).vector(init.publicKey).raw(leaf.bytes);
    writeExtensions(w, extensions);
  });
  const signature = await sign(suite, signer.signatureKey.privateKey, "KeyPackageTBS", unsigned);
  return {
    keyPackage: {
      version: MLS10,
      suite: suiteId(suite),
      initKey: init.publicKey,
      leaf,
      extensions,
      signature,
      unsigned,
      bytes: encode((w) => w.raw(unsigned).vector(signature)),
    },
    secrets: { initKey: init.privateKey, encryptionKey: encryption.privateKey },
  };
}

/** Checks what a key package says about itself (RFC 9420 §10.1); its leaf is checked apart, with the group that it shall join. */
export async function checkKeyPackage(suite: Suite, keyPackage: KeyPackage): Promise<void> {
  const refuse = (why: string): MlsError => new MlsError("invalid_key_package", why);
  if (keyPackage.version !== MLS10) throw refuse("A key package is of another version of MLS");
  if (keyPackage.suite !== suiteId(suite)) throw refuse("A key package is of another cipher suite");
  if (keyPackage.leaf.source.kind !== "key_package") throw refuse("A key package holds a leaf from elsewhere");
  if (equalBytes(keyPackage.initKey, keyPackage.leaf.encryptionKey)) throw refuse("A key package has one key for two purposes");
  if (!supportsOwnExtensions(keyPackage.leaf, keyPackage.extensions))
    throw refuse("A key package has an extension that its leaf doesn't support");
  const valid = await verify(suite, keyPackage.leaf.signatureKey, "KeyPackageTBS", keyPackage.unsigned, keyPackage.signature);
  if (!valid) throw refuse("A key package's signature is wrong");
}

/** The name of a key package in a Welcome (RFC 9420 §5.2). */
export function keyPackageReference(suite: Suite, keyPackage: KeyPackage): Promise<Uint8Array> {
  return reference(suite, "MLS 1.0 KeyPackage Reference", keyPackage.bytes);
}

/** Whether a key package may be used for more than one group. */
export function isLastResort(keyPackage: KeyPackage): boolean {
  return keyPackage.extensions.some((e) => e.type === ExtensionType.lastResort);
}

export function eraseKeyPackageSecrets(secrets: KeyPackageSecrets): void {
  erase(secrets.initKey, secrets.encryptionKey);
}
