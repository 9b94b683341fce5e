import { type Reader, malformed } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import type { HpkeCiphertext } from "../crypto/cipher-suite.ts";
import { readKeyPackage, type KeyPackage } from "../join/key-package.ts";
import { readLeafNode, type LeafNode } from "../tree/leaf-node.ts";
import {
  MAX_ENTRIES,
  readExtensions,
  readHpkeCiphertext,
  readPskId,
  writeExtensions,
  writeHpkeCiphertext,
  writePskId,
  type Extension,
  type PskId,
} from "../codec/structures.ts";

/**
 * A proposal ([RFC 9420 §12.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.1)). Unknown types are rejected on reading, since their
 * length is unknown.
 */
export type Proposal =
  | { readonly kind: "add"; readonly keyPackage: KeyPackage }
  | { readonly kind: "update"; readonly leaf: LeafNode }
  | { readonly kind: "remove"; readonly removed: number }
  | { readonly kind: "psk"; readonly psk: PskId }
  | {
      readonly kind: "reinit";
      readonly groupId: Uint8Array;
      readonly version: number;
      readonly suite: number;
      readonly extensions: readonly Extension[];
    }
  | { readonly kind: "external_init"; readonly kemOutput: Uint8Array }
  | { readonly kind: "group_context_extensions"; readonly extensions: readonly Extension[] };

/** A proposal in a commit: by value, or by the reference of one that was sent before. */
export type ProposalOrRef =
  | { readonly kind: "proposal"; readonly proposal: Proposal }
  | { readonly kind: "reference"; readonly reference: Uint8Array };

/** The new keys on the direct path of a committer (RFC 9420 §7.6). */
export interface UpdatePath {
  readonly leaf: LeafNode;
  readonly nodes: readonly UpdatePathNode[];
}

export interface UpdatePathNode {
  readonly publicKey: Uint8Array;
  readonly pathSecrets: readonly HpkeCiphertext[];
}

/** A commit (RFC 9420 §12.4). */
export interface Commit {
  readonly proposals: readonly ProposalOrRef[];
  readonly path: UpdatePath | undefined;
}

export function readProposal(r: Reader): Proposal {
  const type = r.u16();
  switch (type) {
    case 1:
      return { kind: "add", keyPackage: readKeyPackage(r) };
    case 2:
      return { kind: "update", leaf: readLeafNode(r) };
    case 3:
      return { kind: "remove", removed: r.u32() };
    case 4:
      return { kind: "psk", psk: readPskId(r) };
    case 5:
      return { kind: "reinit", groupId: r.vector(), version: r.u16(), suite: r.u16(), extensions: readExtensions(r) };
    case 6:
      return { kind: "external_init", kemOutput: r.vector() };
    case 7:
      return { kind: "group_context_extensions", extensions: readExtensions(r) };
    default:
      throw malformed(`Unknown proposal type ${type}`);
  }
}

export function writeProposal(w: Writer, p: Proposal): void {
  switch (p.kind) {
    case "add":
      w.u16(1).raw(p.keyPackage.bytes);
      return;
    case "update":
      w.u16(2).raw(p.leaf.bytes);
      return;
    case "remove":
      w.u16(3).u32(p.removed);
      return;
    case "psk":
      writePskId(w.u16(4), p.psk);
      return;
    case "reinit":
      writeExtensions(w.u16(5).vector(p.groupId).u16(p.version).u16(p.suite), p.extensions);
      return;
    case "external_init":
      w.u16(6).vector(p.kemOutput);
      return;
    case "group_context_extensions":
      writeExtensions(w.u16(7), p.extensions);
  }
}

export function readCommit(r: Reader): Commit {
  return { proposals: r.list(readProposalOrRef, MAX_ENTRIES.proposals), path: r.optional(readUpdatePath) };
}

export function writeCommit(w: Writer, commit: Commit): void {
  w.list(commit.proposals, writeProposalOrRef).optional(commit.path, writeUpdatePath);
}

function readProposalOrRef(r: Reader): ProposalOrRef {
  const type = r.u8();
  if (type === 1) return { kind: "proposal", proposal: readProposal(r) };
  if (type === 2) return { kind: "reference", reference: r.vector() };
  throw malformed("A commit contains an entry that is neither a proposal nor a reference");
}

function writeProposalOrRef(w: Writer, p: ProposalOrRef): void {
  if (p.kind === "proposal") writeProposal(w.u8(1), p.proposal);
  else w.u8(2).vector(p.reference);
}

export function readUpdatePath(r: Reader): UpdatePath {
  return {
    leaf: readLeafNode(r),
    nodes: r.list(
      (node) => ({ publicKey: node.vector(), pathSecrets: node.list(readHpkeCiphertext, MAX_ENTRIES.members) }),
      MAX_ENTRIES.path,
    ),
  };
}

export function writeUpdatePath(w: Writer, path: UpdatePath): void {
  w.raw(path.leaf.bytes).list(path.nodes, (inner, node) => {
    inner.vector(node.publicKey).list(node.pathSecrets, writeHpkeCiphertext);
  });
}
