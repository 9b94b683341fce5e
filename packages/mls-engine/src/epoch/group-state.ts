import { equalBytes } from "../codec/bytes.ts";
import { encodeGroupContext, type GroupContext } from "../codec/structures.ts";
import type { EpochSecrets } from "../key-schedule/key-schedule.ts";
import type { Proposal } from "../proposals/proposal.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";

/** A proposal with its sender's leaf. */
export interface SentProposal {
  readonly proposal: Proposal;
  readonly sender: number;
}

/** A proposal that was received and is not committed yet. */
export interface PendingProposal extends SentProposal {
  /** The size of its encoding. */
  readonly bytes: number;
}

/** One member's view of one epoch of a group, except for message keys. Immutable: a commit leads to a new one. */
export interface GroupState {
  readonly context: GroupContext;
  /** The encoded context, as signatures and the key schedule use it. */
  readonly encodedContext: Uint8Array;
  readonly tree: RatchetTree;
  readonly ownLeaf: number;
  /** The private keys of the own leaf and of nodes above it, by node. */
  readonly privateKeys: ReadonlyMap<number, Uint8Array>;
  readonly secrets: EpochSecrets;
  readonly confirmationTag: Uint8Array;
  /** Pending proposals by reference, in the order of arrival. */
  readonly proposals: ReadonlyMap<string, PendingProposal>;
}

/** The start of an epoch, with the root of its message keys. */
export interface EpochStart {
  readonly state: GroupState;
  /** For the secret tree, which erases it. */
  readonly encryptionSecret: Uint8Array;
}

/** The changes of a commit, as leaves. */
export interface CommitEffects {
  readonly committer: number;
  readonly added: readonly number[];
  readonly removed: readonly number[];
  /** Leaves with new keys: those of the senders of updates and, if the commit has a path, of the committer. */
  readonly updated: readonly number[];
}

export function groupState(parts: Omit<GroupState, "encodedContext">): GroupState {
  return { ...parts, encodedContext: encodeGroupContext(parts.context) };
}

/** The private keys that are still valid in a later tree: those of nodes with an unchanged public key. */
export function survivingKeys(state: GroupState, tree: RatchetTree): Map<number, Uint8Array> {
  const keys = new Map<number, Uint8Array>();
  for (const [node, key] of state.privateKeys) {
    const before = state.tree.publicKey(node);
    const after = tree.publicKey(node);
    if (before && after && equalBytes(before, after)) keys.set(node, key);
  }
  return keys;
}
