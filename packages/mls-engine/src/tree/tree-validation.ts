import { equalBytes } from "../codec/bytes.ts";
import { assertRule, type Environment } from "../epoch/environment.ts";
import { checkLeaf, checkMembers } from "./leaf-validation.ts";
import { verifyLeaves } from "./leaf-signature.ts";
import type { ParentNode, RatchetTree } from "./ratchet-tree.ts";
import type { GroupContext } from "../codec/structures.ts";
import { checkOwnIdentity } from "./unique-identities.ts";
import { directPath, isBelow, leafNode, leftOf, rightOf } from "./tree-math.ts";
import { parentHash, treeHash } from "./tree-hash.ts";

const CODE = "invalid_welcome";

/**
 * Validates the tree of a group that is joined ([RFC 9420 §12.4.3.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.4.3.1)): its hash,
 * unmerged leaves, parent hashes, and every leaf.
 *
 * A member that is in the group validates each commit instead. A new member has only this tree, which anybody could have made up.
 *
 * @throws MlsEngineError `invalid_welcome`, `credential_refused`, `identity_taken`
 */
export async function checkTree(env: Environment, tree: RatchetTree, context: GroupContext, ownLeaf: number): Promise<void> {
  const hash = await treeHash(env.suite, tree, env.pause);
  assertRule(equalBytes(hash, context.treeHash), CODE, "The tree hash of the Welcome doesn't match its tree");
  for (const [node, entry] of tree.nodes.entries()) {
    if (entry?.kind !== "parent") continue;
    checkUnmerged(tree, node, entry);
    await checkParentHash(env, tree, node, entry);
  }
  await checkMembers(env, tree, context.extensions, CODE);
  checkOwnIdentity(env, tree, ownLeaf);
  const others = Array.from(tree.leaves()).filter(([leafIndex]) => leafIndex !== ownLeaf);
  const signatures = verifyLeaves(env, others, context.groupId);
  for (const [leafIndex, leaf] of others) {
    await checkLeaf(env, leaf, leafIndex, context, CODE, { reason: "join" }, signatures.next().value);
  }
}

/**
 * Unmerged leaves must be sorted, be members below the node, and be unmerged in every non-blank node between (RFC 9420 §7.9.2). Only those
 * between are compared: nodes above may have been set after the leaf was added.
 */
function checkUnmerged(tree: RatchetTree, node: number, parent: ParentNode): void {
  let last = -1;
  for (const leaf of parent.unmergedLeaves) {
    assertRule(leaf > last, CODE, "Unmerged leaves are out of order");
    last = leaf;
    assertRule(leaf < tree.leafCount && isBelow(leafNode(leaf), node), CODE, "An unmerged leaf is not below its node");
    assertRule(tree.leaf(leaf) !== undefined, CODE, "An unmerged leaf is blank");
    for (const between of directPath(leaf, tree.leafCount)) {
      if (between === node) break;
      const entry = tree.parent(between);
      assertRule(entry === undefined || includesSorted(entry.unmergedLeaves, leaf), CODE, "An unmerged leaf is missing from a node below");
    }
  }
}

/**
 * A parent node is valid if exactly one node below it carries its parent hash: the one that was set by the same commit (RFC 9420 §7.9.2). The
 * chain of hashes ends at a leaf, whose signature covers it. So every key in the tree was chosen by a member that was below it.
 */
async function checkParentHash(env: Environment, tree: RatchetTree, node: number, parent: ParentNode): Promise<void> {
  const unmerged = new Set(parent.unmergedLeaves.map(leafNode));
  let matches = 0;
  for (const child of [leftOf(node), rightOf(node)]) {
    const others = tree.resolution(child).filter((below) => !unmerged.has(below));
    const [candidate] = others;
    if (candidate === undefined || others.length !== 1) continue;
    const claimed = claimedHash(tree, candidate);
    if (claimed && equalBytes(claimed, await parentHash(env.suite, tree, candidate, node, env.pause))) matches++;
  }
  assertRule(matches === 1, CODE, "A parent node has no valid parent hash");
  await env.pause();
}

function claimedHash(tree: RatchetTree, node: number): Uint8Array | undefined {
  const entry = tree.nodes[node];
  if (entry?.kind === "parent") return entry.parentHash;
  return entry?.source.kind === "commit" ? entry.source.parentHash : undefined;
}

function includesSorted(sorted: readonly number[], value: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === value;
}
