import { bytesOfKey, keyOf } from "../codec/bytes.ts";
import { type Reader, decodeWhole } from "../codec/reader.ts";
import { type Writer, encode } from "../codec/writer.ts";
import type { GroupState, PendingProposal } from "./group-state.ts";
import { secretsOf, type EpochSecrets } from "../key-schedule/key-schedule.ts";
import { readLeafNode, type LeafNode } from "../tree/leaf-node.ts";
import { readProposal, writeProposal } from "../proposals/proposal.ts";
import { readTreeNode, writeTreeNode, type RatchetTree, type TreeNode } from "../tree/ratchet-tree.ts";
import { encodeGroupContext, MAX_ENTRIES, readGroupContext, writeGroupContext, type GroupContext } from "../codec/structures.ts";

/** The state of an epoch that its messages depend on, apart from message keys. */
export interface EpochView {
  readonly context: GroupContext;
  readonly encodedContext: Uint8Array;
  readonly senderDataSecret: Uint8Array;
  readonly tree: RatchetTree;
}

/** The part of a past epoch that is kept to decrypt late messages. */
export interface PastEpoch extends EpochView {
  readonly resumptionPsk: Uint8Array;
  readonly ownLeaf: number;
  /** The hash of the commit that ended the epoch, to recognise it when it is delivered again. */
  readonly commitHash: Uint8Array;
}

/** A stored {@link PastEpoch}, without the leaves that are the same in the next epoch. */
export interface PastEpochRecord extends Omit<PastEpoch, "tree"> {
  readonly leafCount: number;
  /** The leaves that differ from the next epoch. */
  readonly leaves: ReadonlyMap<number, LeafNode | undefined>;
}

/** Encodes a group's state, except for the tree and the pending proposals. It holds secrets. */
export function encodeState(state: GroupState): Uint8Array {
  return encode((w) => {
    writeGroupContext(w, state.context);
    w.u32(state.ownLeaf).u32(state.tree.leafCount).vector(state.confirmationTag);
    for (const secret of secretsOf(state.secrets)) w.vector(secret);
    w.list(state.privateKeys, (inner, [node, key]) => inner.u32(node).vector(key));
  });
}

/** The reverse of {@link encodeState}. */
export function decodeState(bytes: Uint8Array): { state: Omit<GroupState, "tree" | "proposals">; leafCount: number } {
  return decodeWhole(bytes.slice(), (r) => {
    const context = readGroupContext(r);
    const ownLeaf = r.u32();
    const leafCount = r.u32();
    const confirmationTag = r.vector();
    const secrets: EpochSecrets = {
      initSecret: r.vector(),
      senderDataSecret: r.vector(),
      exporterSecret: r.vector(),
      externalSecret: r.vector(),
      confirmationKey: r.vector(),
      membershipKey: r.vector(),
      resumptionPsk: r.vector(),
      epochAuthenticator: r.vector(),
    };
    const keys = r.list((k) => [k.u32(), k.vector()] as const, 64);
    const encodedContext = encodeGroupContext(context);
    return { leafCount, state: { context, encodedContext, ownLeaf, confirmationTag, secrets, privateKeys: new Map(keys) } };
  });
}

export function encodeTreeNode(node: TreeNode): Uint8Array {
  return encode((w) => writeTreeNode(w, node));
}

export function decodeTreeNode(bytes: Uint8Array): TreeNode {
  return decodeWhole(bytes, readTreeNode);
}

export function encodeProposals(proposals: GroupState["proposals"]): Uint8Array {
  return encode((w) => {
    w.list(proposals, (inner, [name, { proposal, sender }]) => {
      inner.vector(bytesOfKey(name)).u32(sender);
      writeProposal(inner, proposal);
    });
  });
}

export function decodeProposals(bytes: Uint8Array): Map<string, PendingProposal> {
  const read = (r: Reader): [string, PendingProposal] => {
    const name = keyOf(r.vector());
    const sender = r.u32();
    const start = r.offset;
    const proposal = readProposal(r);
    return [name, { sender, proposal, bytes: r.offset - start }];
  };
  return new Map(decodeWhole(bytes, (r) => r.list(read, MAX_ENTRIES.proposals)));
}

/** Encodes a past epoch as its difference from the next one. */
export function encodePastEpoch(past: PastEpoch, next: RatchetTree): Uint8Array {
  const leaves: [number, LeafNode | undefined][] = [];
  for (let leaf = 0; leaf < past.tree.leafCount; leaf++) {
    if (past.tree.leaf(leaf) !== next.leaf(leaf)) leaves.push([leaf, past.tree.leaf(leaf)]);
  }
  return encode((w) => {
    writeGroupContext(w, past.context);
    w.vector(past.senderDataSecret).vector(past.resumptionPsk).u32(past.ownLeaf).vector(past.commitHash).u32(past.tree.leafCount);
    w.list(leaves, (inner, [leaf, node]) => inner.u32(leaf).optional(node, (x: Writer, n) => x.raw(n.bytes)));
  });
}

export function decodePastEpoch(bytes: Uint8Array): PastEpochRecord {
  return decodeWhole(bytes, (r) => {
    const context = readGroupContext(r);
    return {
      context,
      encodedContext: encodeGroupContext(context),
      senderDataSecret: r.vector(),
      resumptionPsk: r.vector(),
      ownLeaf: r.u32(),
      commitHash: r.vector(),
      leafCount: r.u32(),
      leaves: new Map(r.list((l) => [l.u32(), l.optional(readLeafNode)] as const, MAX_ENTRIES.members)),
    };
  });
}
