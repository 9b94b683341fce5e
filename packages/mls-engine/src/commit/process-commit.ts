import { MlsError } from "../errors.ts";
import { applyProposals } from "../proposals/apply-proposals.ts";
import { decodeWhole, equalBytes } from "../codec/codec.ts";
import { effectsOf } from "./create-commit.ts";
import { must, type Environment } from "../epoch/environment.ts";
import type { Handshake } from "../framing/framed-content.ts";
import { groupState, survivingKeys, type CommitEffects, type EpochStart, type GroupState } from "../epoch/group-state.ts";
import { checkLeaf, checkMembers } from "../tree/leaf-validation.ts";
import { erase } from "../crypto/labels.ts";
import { nextEpoch } from "../key-schedule/next-epoch.ts";
import { readCommit } from "../proposals/proposal.ts";
import type { LeafNode } from "../tree/leaf-node.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { leafNode } from "../tree/tree-math.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { checkUniqueIdentities } from "../tree/unique-identities.ts";
import { applyPath } from "../tree/update-path.ts";

/** What another member's commit leads to: a new epoch, or the end of membership. */
export interface ProcessedCommit {
  readonly effects: CommitEffects;
  /** `undefined`: this member was removed, and can't know the epoch that follows. */
  readonly next: EpochStart | undefined;
}

/** Processes another member's commit, whose signature is checked already (RFC 9420 §12.4.2). */
export async function processCommit(env: Environment, state: GroupState, message: Handshake): Promise<ProcessedCommit> {
  const { sender, confirmationTag } = message;
  if (confirmationTag === undefined) throw new MlsError("malformed", "A commit has no confirmation tag");
  must(sender !== state.ownLeaf, "invalid_commit", "A commit claims to be our own");
  const { proposals, path } = decodeWhole(message.content, readCommit);
  const applied = await applyProposals(env, state, proposals, sender, false);
  must(path !== undefined || !applied.needsPath, "invalid_commit", "A commit has no path where one is required");
  const { tree } = applied;
  const effects = effectsOf(sender, applied, path !== undefined);
  const context = { ...state.context, epoch: state.context.epoch + 1n, extensions: applied.extensions };
  const previous = state.tree.leaf(sender);
  if (path) {
    must(path.leaf.source.kind === "commit", "invalid_commit", "An update path holds a leaf from elsewhere");
    must(previous !== undefined, "invalid_commit", "A commit is of somebody who isn't a member");
    must(!equalBytes(path.leaf.encryptionKey, previous.encryptionKey), "invalid_commit", "A commit doesn't change its sender's key");
    const replaced = { previous: previous.credential, previousKey: previous.signatureKey };
    await checkLeaf(env, path.leaf, sender, context, "invalid_commit", { reason: "update", ...replaced });
  }
  if (effects.removed.includes(state.ownLeaf)) {
    checkUniqueIdentities(env, state.tree, leavesAfter(tree, sender, path?.leaf));
    return { effects, next: undefined };
  }

  const added = new Set(applied.added.map(({ leaf }) => leafNode(leaf)));
  const result = path ? await applyPath(env, state, tree, context, sender, path, added) : undefined;
  await checkMembers(env, tree, applied.extensions, "invalid_commit");
  checkUniqueIdentities(env, state.tree, tree.leaves());
  const provisional = result?.context ?? { ...context, treeHash: await treeHash(env.suite, tree, env.pause) };
  const commitSecret = result?.commitSecret ?? new Uint8Array(env.suite.kdf.size);
  const next = await nextEpoch(env, state, provisional, applied.psks, commitSecret, message);
  erase(next.joiner, next.welcome);
  must(equalBytes(next.confirmationTag, confirmationTag), "invalid_commit", "The confirmation tag of a commit is wrong");
  return {
    effects,
    next: {
      encryptionSecret: next.encryptionSecret,
      state: groupState({
        context: next.context,
        tree,
        ownLeaf: state.ownLeaf,
        privateKeys: result?.privateKeys ?? survivingKeys(state, tree),
        secrets: next.secrets,
        confirmationTag: next.confirmationTag,
        proposals: new Map(),
      }),
    },
  };
}

/** The leaves of a tree, with that of the committer as the path sets it. */
function* leavesAfter(tree: RatchetTree, committer: number, leaf: LeafNode | undefined): Generator<readonly [number, LeafNode]> {
  for (const [index, before] of tree.leaves()) yield [index, index === committer && leaf !== undefined ? leaf : before];
}
