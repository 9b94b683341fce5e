import { equalBytes } from "../codec/codec.ts";
import { must, type Environment } from "../epoch/environment.ts";
import { checkLeaf, checkMembers } from "./leaf-validation.ts";
import type { ParentNode, RatchetTree } from "./ratchet-tree.ts";
import type { GroupContext } from "../codec/structures.ts";
import { checkOwnIdentity } from "./unique-identities.ts";
import { directPath, isBelow, leafNode, leftOf, rightOf } from "./tree-math.ts";
import { parentHash, treeHash } from "./tree-hash.ts";

const CODE = "invalid_welcome";

/** Checks a tree that a new member was given (RFC 9420 §12.4.3.1, §7.9.2). */
export async function checkTree(env: Environment, tree: RatchetTree, context: GroupContext, ownLeaf: number): Promise<void> {
  const hash = await treeHash(env.suite, tree, env.pause);
  must(equalBytes(hash, context.treeHash), CODE, "The tree of a Welcome isn't that of the group");
  for (const [node, entry] of tree.nodes.entries()) {
    if (entry?.kind !== "parent") continue;
    checkUnmerged(tree, node, entry);
    await checkParentHash(env, tree, node, entry);
  }
  await checkMembers(env, tree, context.extensions, CODE);
  checkOwnIdentity(env, tree, ownLeaf);
  for (const [leafIndex, leaf] of tree.leaves()) {
    if (leafIndex !== ownLeaf) await checkLeaf(env, leaf, leafIndex, context, CODE, { reason: "join" });
  }
}

/** Unmerged leaves are members below, and unmerged in all that lies between. */
function checkUnmerged(tree: RatchetTree, node: number, parent: ParentNode): void {
  let last = -1;
  for (const leaf of parent.unmergedLeaves) {
    must(leaf > last, CODE, "Unmerged leaves are out of order");
    last = leaf;
    must(leaf < tree.leafCount && isBelow(leafNode(leaf), node), CODE, "An unmerged leaf lies elsewhere in the tree");
    must(tree.leaf(leaf) !== undefined, CODE, "An unmerged leaf is blank");
    for (const between of directPath(leaf, tree.leafCount)) {
      if (between === node) break;
      const entry = tree.parent(between);
      must(entry === undefined || includesSorted(entry.unmergedLeaves, leaf), CODE, "A leaf is merged below where it isn't above");
    }
  }
}

/** A parent is authentic when exactly one node below it carries its hash: that which was set together with it. */
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
  must(matches === 1, CODE, "A node of the tree has no valid parent hash");
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
