import { encodeGroupContext } from "../framing/framed-content.ts";
import type { EpochSecrets } from "../key-schedule/key-schedule.ts";
import type { Proposal } from "../proposals/proposal.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import type { GroupContext } from "../codec/structures.ts";
import { equalBytes } from "../codec/codec.ts";

/** A proposal that was sent apart from a commit, and waits for one. */
export interface PendingProposal extends SentProposal {
  /** How large it is. */
  readonly bytes: number;
}

export interface SentProposal {
  readonly proposal: Proposal;
  readonly sender: number;
}

/** One member's view of one epoch of a group, apart from message keys. Never changed; a commit makes another. */
export interface GroupState {
  readonly context: GroupContext;
  /** The context as on the wire. */
  readonly encodedContext: Uint8Array;
  readonly tree: RatchetTree;
  readonly ownLeaf: number;
  /** Private keys of nodes on the own path, by node. */
  readonly privateKeys: ReadonlyMap<number, Uint8Array>;
  readonly secrets: EpochSecrets;
  readonly confirmationTag: Uint8Array;
  /** By reference, in the order of arrival. */
  readonly proposals: ReadonlyMap<string, PendingProposal>;
}

/** What the message layer needs to begin an epoch. */
export interface EpochStart {
  readonly state: GroupState;
  /** For the secret tree, which erases it. */
  readonly encryptionSecret: Uint8Array;
}

/** Who did what in a commit, by leaf. */
export interface CommitEffects {
  readonly committer: number;
  readonly added: readonly number[];
  readonly removed: readonly number[];
  /** Whose keys are new: the committer where there is a path, and the senders of updates. */
  readonly updated: readonly number[];
}

export function groupState(parts: Omit<GroupState, "encodedContext">): GroupState {
  return { ...parts, encodedContext: encodeGroupContext(parts.context) };
}

/** The private keys that still fit the nodes of a new tree. */
export function survivingKeys(state: GroupState, tree: RatchetTree): Map<number, Uint8Array> {
  const keys = new Map<number, Uint8Array>();
  for (const [node, key] of state.privateKeys) {
    const before = state.tree.publicKey(node);
    const after = tree.publicKey(node);
    if (before && after && equalBytes(before, after)) keys.set(node, key);
  }
  return keys;
}
