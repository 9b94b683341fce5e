import { equalBytes } from "../codec/bytes.ts";
import { decodeWhole } from "../codec/reader.ts";
import { erase } from "../crypto/labels.ts";
import { assertRule, type Environment } from "../epoch/environment.ts";
import { groupState, survivingKeys, type CommitEffects, type EpochStart, type GroupState } from "../epoch/group-state.ts";
import { MlsEngineError } from "../errors.ts";
import type { Handshake } from "../framing/framed-content.ts";
import { nextEpoch } from "../key-schedule/next-epoch.ts";
import { applyProposals } from "../proposals/apply-proposals.ts";
import { readCommit } from "../proposals/proposal.ts";
import { checkLeaf, checkMembers } from "../tree/leaf-validation.ts";
import type { LeafNode } from "../tree/leaf-node.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { treeHash } from "../tree/tree-hash.ts";
import { leafNode } from "../tree/tree-math.ts";
import { checkUniqueIdentities } from "../tree/unique-identities.ts";
import { applyPath } from "../tree/update-path.ts";
import { effectsOf } from "./create-commit.ts";

/** The result of another member's commit. */
export interface ProcessedCommit {
  readonly effects: CommitEffects;
  /** `undefined` if the commit removes this member, which then can't derive the next epoch. */
  readonly next: EpochStart | undefined;
}

/**
 * Processes another member's commit ([RFC 9420 §12.4.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.4.2)). The caller has verified
 * its signature. The state is unchanged.
 *
 * The signature proves only that a member sent the commit. A malicious member could still send one that others reject, or that leaves a
 * removed member with access; so every rule is checked here again, and the confirmation tag at the end proves that the committer derived the
 * same epoch.
 *
 * @throws MlsEngineError `invalid_commit`, `malformed`, `unsupported`, `credential_refused`, `identity_taken`, `group_full`, `unknown_psk`,
 *   `invalid_key_package`
 */
export async function processCommit(env: Environment, state: GroupState, message: Handshake): Promise<ProcessedCommit> {
  const { suite } = env;
  const { sender, confirmationTag } = message;
  if (confirmationTag === undefined) throw new MlsEngineError("malformed", "The commit has no confirmation tag");
  assertRule(sender !== state.ownLeaf, "invalid_commit", "The commit claims to be sent by this member");
  const { proposals, path } = decodeWhole(message.content, readCommit);
  const applied = await applyProposals(env, state, proposals, sender, false);
  assertRule(path !== undefined || !applied.needsPath, "invalid_commit", "The commit lacks a required update path");
  const { tree } = applied;
  const effects = effectsOf(sender, applied, path !== undefined);
  // The provisional GroupContext (§12.4.2): the committer's new leaf must satisfy the extensions that this commit sets.
  const context = { ...state.context, epoch: state.context.epoch + 1n, extensions: applied.extensions };
  if (path) {
    assertRule(path.leaf.source.kind === "commit", "invalid_commit", "The leaf of the update path has another source than a commit");
    const previous = state.tree.leaf(sender);
    assertRule(previous !== undefined, "invalid_commit", "The sender of the commit is not a member");
    // With its old key, a path would not protect against an attacker who has stolen that key (§12.4.2).
    const isNewKey = !equalBytes(path.leaf.encryptionKey, previous.encryptionKey);
    assertRule(isNewKey, "invalid_commit", "The update path keeps the encryption key of the committer");
    const replaced = { previous: previous.credential, previousKey: previous.signatureKey };
    await checkLeaf(env, path.leaf, sender, context, "invalid_commit", { reason: "update", ...replaced });
  }
  if (effects.removed.includes(state.ownLeaf)) {
    // No path secret is encrypted to this member, so it can't derive the next epoch to check the confirmation tag.
    checkUniqueIdentities(env, state.tree, leavesAfter(tree, sender, path?.leaf));
    return { effects, next: undefined };
  }

  const added = new Set(applied.added.map(({ leaf }) => leafNode(leaf)));
  const result = path ? await applyPath(env, state, tree, context, sender, path, added) : undefined;
  await checkMembers(env, tree, applied.extensions, "invalid_commit");
  checkUniqueIdentities(env, state.tree, tree.leaves());
  const provisional = result?.context ?? { ...context, treeHash: await treeHash(suite, tree, env.pause) };
  // A commit without a path adds no entropy: its commit secret is all zeros (§8).
  const commitSecret = result?.commitSecret ?? new Uint8Array(suite.hashLength);
  const next = nextEpoch(env, state, provisional, applied.psks, commitSecret, message);
  erase(next.joiner, next.welcome);
  // Last, because the tag is a MAC over the whole transcript under a key of the new epoch: it covers tree, secrets and history together (§6.1).
  assertRule(equalBytes(next.confirmationTag, confirmationTag), "invalid_commit", "The confirmation tag of the commit is invalid");
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

/** The leaves of a tree to which the committer's path was not applied, as they would be with it. */
function* leavesAfter(tree: RatchetTree, committer: number, leaf: LeafNode | undefined): Generator<readonly [number, LeafNode]> {
  for (const [index, before] of tree.leaves()) yield [index, index === committer && leaf !== undefined ? leaf : before];
}
