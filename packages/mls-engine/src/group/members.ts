import type { CommitEffects } from "../epoch/group-state.ts";
import type { LeafNode } from "../tree/leaf-node.ts";
import type { SentProposal } from "../epoch/group-state.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { basicIdentity, type MlsCredential } from "../credentials/credential.ts";

/** A member of a group. */
export interface MlsMember {
  /** Its place in the tree; it stays the same while the member stays, and may be another's later. */
  readonly leaf: number;
  readonly credential: MlsCredential;
  /** The identity in its credential, when that is a basic one. */
  readonly identity: Uint8Array | undefined;
  readonly signatureKey: Uint8Array;
}

/** What a commit did. */
export interface MlsChanges {
  readonly committer: MlsMember;
  readonly added: readonly MlsMember[];
  /** As they were before. */
  readonly removed: readonly MlsMember[];
  /** Whose keys are new, as they are now. */
  readonly updated: readonly MlsMember[];
}

/** A proposal that waits for a commit. */
export interface MlsProposal {
  readonly kind: "add" | "update" | "remove" | "psk" | "extensions";
  readonly sender: MlsMember | undefined;
  /** Who is to be added, updated or removed. Who is to be added has no place yet: its leaf is -1. */
  readonly member: MlsMember | undefined;
}

export function memberOf(leaf: number, node: LeafNode): MlsMember {
  const { credential, signatureKey } = node;
  return { leaf, credential, identity: basicIdentity(credential), signatureKey };
}

export function membersOf(tree: RatchetTree): MlsMember[] {
  return Array.from(tree.leaves(), ([leaf, node]) => memberOf(leaf, node));
}

export function changesOf(effects: CommitEffects, before: RatchetTree, after: RatchetTree): MlsChanges {
  return {
    committer: memberAt(effects.committer, before) ?? nobody(effects.committer),
    added: present(effects.added, after),
    removed: present(effects.removed, before),
    updated: present(effects.updated, after),
  };
}

export function proposalOf({ proposal, sender }: SentProposal, tree: RatchetTree): MlsProposal {
  const from = memberAt(sender, tree);
  switch (proposal.kind) {
    case "add":
      return { kind: "add", sender: from, member: memberOf(-1, proposal.keyPackage.leaf) };
    case "update":
      return { kind: "update", sender: from, member: memberOf(sender, proposal.leaf) };
    case "remove":
      return { kind: "remove", sender: from, member: memberAt(proposal.removed, tree) };
    case "psk":
      return { kind: "psk", sender: from, member: undefined };
    default:
      return { kind: "extensions", sender: from, member: undefined };
  }
}

function memberAt(leaf: number, tree: RatchetTree): MlsMember | undefined {
  const node = tree.leaf(leaf);
  return node && memberOf(leaf, node);
}

function present(leaves: readonly number[], tree: RatchetTree): MlsMember[] {
  return leaves.flatMap((leaf) => memberAt(leaf, tree) ?? []);
}

function nobody(leaf: number): MlsMember {
  return { leaf, credential: { type: 0, content: new Uint8Array() }, identity: undefined, signatureKey: new Uint8Array() };
}
