import { MlsError } from "../errors.ts";
import { malformed, encode, type Reader, type Writer } from "../codec/codec.ts";
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

/** Where a leaf came from (RFC 9420 §7.2), with what it holds for that reason. */
export type LeafSource =
  | { readonly kind: "key_package"; readonly lifetime: Lifetime }
  | { readonly kind: "update" }
  | { readonly kind: "commit"; readonly parentHash: Uint8Array };

/** What a leaf says, before it is signed. */
export interface LeafContent {
  readonly encryptionKey: Uint8Array;
  readonly signatureKey: Uint8Array;
  readonly credential: Credential;
  readonly capabilities: Capabilities;
  readonly source: LeafSource;
  readonly extensions: readonly Extension[];
}

/** A member's leaf (RFC 9420 §7.2). */
export interface LeafNode extends LeafContent {
  readonly signature: Uint8Array;
  /** As on the wire. */
  readonly bytes: Uint8Array;
  /** As on the wire, without the signature. */
  readonly unsigned: Uint8Array;
}

/** Far more than post-quantum keys and a chain of certificates take. Trees consist of leaves, and are stored row by row. */
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
  if (r.offset - start > MAX_LEAF_BYTES) throw new MlsError("too_large", `A member's leaf has more than ${MAX_LEAF_BYTES} bytes`);
  return { encryptionKey, signatureKey, credential, capabilities, source, extensions, signature, unsigned, bytes: r.since(start) };
}

/** Everything but the signature. */
export function encodeUnsignedLeaf(leaf: LeafContent): Uint8Array {
  return encode((w) => {
    w.vector(leaf.encryptionKey).vector(leaf.signatureKey);
    writeCredential(w, leaf.credential);
    writeCapabilities(w, leaf.capabilities);
    writeSource(w, leaf.source);
    writeExtensions(w, leaf.extensions);
  });
}

/** What the signature of a leaf covers (LeafNodeTBS): a leaf in a tree is bound to its group and place, one in a key package isn't. */
export function leafToBeSigned(unsigned: Uint8Array, source: LeafSource, groupId: Uint8Array, leafIndex: number): Uint8Array {
  if (source.kind === "key_package") return unsigned;
  return encode((w) => w.raw(unsigned).vector(groupId).u32(leafIndex));
}

/** A leaf from its parts. */
export function signedLeaf(content: LeafContent, unsigned: Uint8Array, signature: Uint8Array): LeafNode {
  const bytes = encode((w) => w.raw(unsigned).vector(signature));
  return { ...content, signature, unsigned, bytes };
}

function readSource(r: Reader): LeafSource {
  const kind = r.u8();
  if (kind === 1) return { kind: "key_package", lifetime: { notBefore: r.u64(), notAfter: r.u64() } };
  if (kind === 2) return { kind: "update" };
  if (kind === 3) return { kind: "commit", parentHash: r.vector() };
  throw malformed("A leaf has an unknown source");
}

function writeSource(w: Writer, source: LeafSource): void {
  if (source.kind === "key_package") w.u8(1).u64(source.lifetime.notBefore).u64(source.lifetime.notAfter);
  else if (source.kind === "update") w.u8(2);
  else w.u8(3).vector(source.parentHash);
}
