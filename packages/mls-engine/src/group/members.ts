import type { CommitEffects } from "../epoch/group-state.ts";
import type { LeafNode } from "../tree/leaf-node.ts";
import type { SentProposal } from "../epoch/group-state.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { basicIdentity, type MlsCredential } from "../credentials/credential.ts";

/** A member of a group. */
export interface MlsMember {
  /** The member's position in the tree. It is constant during the membership, and may be reused afterwards. */
  readonly leaf: number;
  readonly credential: MlsCredential;
  /** The identity of a basic credential; `undefined` for any other. */
  readonly identity: Uint8Array | undefined;
  readonly signatureKey: Uint8Array;
}

/** The changes of a commit. */
export interface MlsChanges {
  readonly committer: MlsMember;
  readonly added: readonly MlsMember[];
  /** As they were before the commit. */
  readonly removed: readonly MlsMember[];
  /** Members with new keys, as they are after the commit. */
  readonly updated: readonly MlsMember[];
}

/** A pending proposal. */
export interface MlsProposal {
  readonly kind: "add" | "update" | "remove" | "psk" | "extensions";
  readonly sender: MlsMember | undefined;
  /** The member to add, update or remove. The leaf of a member to add is -1. */
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
    committer: memberAt(effects.committer, before) ?? unknownMember(effects.committer),
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

function unknownMember(leaf: number): MlsMember {
  return { leaf, credential: { type: 0, content: new Uint8Array() }, identity: undefined, signatureKey: new Uint8Array() };
}
