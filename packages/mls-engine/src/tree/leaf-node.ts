import { type Reader, malformed } from "../codec/reader.ts";
import { type Writer, encode } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { signWithLabel } from "../crypto/labels.ts";
import { MlsEngineError } from "../errors.ts";
import {
  readCapabilities,
  readCredential,
  readExtensions,
  writeCapabilities,
  writeCredential,
  writeExtensions,
  type Capabilities,
  type Credential,
  type Extension,
  type Lifetime,
} from "../codec/structures.ts";

/** The operation that last set a leaf, with its fields of a leaf node (`leaf_node_source`, RFC 9420 §7.2). */
export type LeafSource =
  | { readonly kind: "key_package"; readonly lifetime: Lifetime }
  | { readonly kind: "update" }
  | { readonly kind: "commit"; readonly parentHash: Uint8Array };

/** The signed fields of a leaf node. */
export interface LeafContent {
  readonly encryptionKey: Uint8Array;
  readonly signatureKey: Uint8Array;
  readonly credential: Credential;
  readonly capabilities: Capabilities;
  readonly source: LeafSource;
  readonly extensions: readonly Extension[];
}

/** A member's leaf node ([RFC 9420 §7.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-7.2)). */
export interface LeafNode extends LeafContent {
  readonly signature: Uint8Array;
  /** The whole encoding. */
  readonly bytes: Uint8Array;
  /** The encoding without the signature. */
  readonly unsigned: Uint8Array;
}

/** Far more than a chain of certificates takes. A leaf is stored as one row. */
const MAX_LEAF_BYTES = 32_768;

export function readLeafNode(r: Reader): LeafNode {
  const start = r.offset;
  const encryptionKey = r.vector();
  const signatureKey = r.vector();
  const credential = readCredential(r);
  const capabilities = readCapabilities(r);
  const source = readSource(r);
  const extensions = readExtensions(r);
  const unsigned = r.since(start);
  const signature = r.vector();
  if (r.offset - start > MAX_LEAF_BYTES)
    throw new MlsEngineError("too_large", `Leaf node too large: ${r.offset - start} bytes, limit ${MAX_LEAF_BYTES}`);
  return { encryptionKey, signatureKey, credential, capabilities, source, extensions, signature, unsigned, bytes: r.since(start) };
}

/** The encoding without the signature. */
export function encodeUnsignedLeaf(leaf: LeafContent): Uint8Array {
  return encode((w) => {
    w.vector(leaf.encryptionKey).vector(leaf.signatureKey);
    writeCredential(w, leaf.credential);
    writeCapabilities(w, leaf.capabilities);
    writeSource(w, leaf.source);
    writeExtensions(w, leaf.extensions);
  });
}

/** The group and leaf that a leaf node is signed for. */
export interface LeafPlace {
  readonly groupId: Uint8Array;
  readonly leafIndex: number;
}

/**
 * LeafNodeTBS (RFC 9420 §7.2). The leaf of a key package is signed without a place, since it may be added to any group; every other leaf is
 * bound to its place, so that it can't be copied to another one.
 */
export function leafNodeTbs(unsigned: Uint8Array, source: LeafSource, { groupId, leafIndex }: LeafPlace): Uint8Array {
  if (source.kind === "key_package") return unsigned;
  return encode((w) => w.raw(unsigned).vector(groupId).u32(leafIndex));
}

/** @param place `undefined` for the leaf of a key package */
export function signLeaf(suite: CipherSuite, privateKey: Uint8Array, content: LeafContent, place: LeafPlace | undefined): LeafNode {
  const unsigned = encodeUnsignedLeaf(content);
  const tbs = place === undefined ? unsigned : leafNodeTbs(unsigned, content.source, place);
  return signedLeaf(content, unsigned, signWithLabel(suite, privateKey, "LeafNodeTBS", tbs));
}

/** A leaf node from its parts. */
export function signedLeaf(content: LeafContent, unsigned: Uint8Array, signature: Uint8Array): LeafNode {
  const bytes = encode((w) => w.raw(unsigned).vector(signature));
  return { ...content, signature, unsigned, bytes };
}

function readSource(r: Reader): LeafSource {
  const kind = r.u8();
  if (kind === 1) return { kind: "key_package", lifetime: { notBefore: r.u64(), notAfter: r.u64() } };
  if (kind === 2) return { kind: "update" };
  if (kind === 3) return { kind: "commit", parentHash: r.vector() };
  throw malformed("A leaf node has an unknown source");
}

function writeSource(w: Writer, source: LeafSource): void {
  if (source.kind === "key_package") w.u8(1).u64(source.lifetime.notBefore).u64(source.lifetime.notAfter);
  else if (source.kind === "update") w.u8(2);
  else w.u8(3).vector(source.parentHash);
}
