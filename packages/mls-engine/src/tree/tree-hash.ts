import { encode } from "../codec/codec.ts";
import type { Suite } from "../crypto/labels.ts";
import type { Pause } from "../epoch/pause.ts";
import { writeParentNode, type RatchetTree } from "./ratchet-tree.ts";
import { copathChild, isBelow, isLeaf, leafNode, leftOf, rightOf, rootOf } from "./tree-math.ts";

/** The hash of the whole tree (RFC 9420 §7.8). Only what changed since it was last asked for is hashed again. */
export function treeHash(suite: Suite, tree: RatchetTree, pause: Pause): Promise<Uint8Array> {
  return subtreeHash(suite, tree, rootOf(tree.leafCount), pause);
}

/** The parent hash that a node below must carry for its parent to be authentic (RFC 9420 §7.9). */
export async function parentHash(suite: Suite, tree: RatchetTree, below: number, parent: number, pause: Pause): Promise<Uint8Array> {
  const node = tree.parent(parent);
  if (node === undefined) return new Uint8Array();
  const sibling = await originalHash(suite, tree, copathChild(below, parent), node.unmergedLeaves, pause);
  return suite.hash.digest(encode((w) => w.vector(node.publicKey).vector(node.parentHash).vector(sibling)));
}

async function subtreeHash(suite: Suite, tree: RatchetTree, node: number, pause: Pause): Promise<Uint8Array> {
  const cached = tree.cachedHash(node);
  if (cached !== undefined) return cached;
  const hash = await nodeHash(suite, tree, node, [], (child) => subtreeHash(suite, tree, child, pause));
  tree.keepHash(node, hash);
  await pause();
  return hash;
}

/** The hash of a subtree as it was before some leaves were added. */
async function originalHash(suite: Suite, tree: RatchetTree, node: number, without: readonly number[], pause: Pause): Promise<Uint8Array> {
  const inside = without.filter((leaf) => isBelow(leafNode(leaf), node));
  if (inside.length === 0) return subtreeHash(suite, tree, node, pause);
  await pause();
  return nodeHash(suite, tree, node, inside, (child) => originalHash(suite, tree, child, inside, pause));
}

async function nodeHash(
  suite: Suite,
  tree: RatchetTree,
  node: number,
  without: readonly number[],
  hashOf: (child: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (isLeaf(node)) {
    const leaf = without.length > 0 ? undefined : tree.leaf(node / 2);
    const input = encode((w) => {
      w.u8(1)
        .u32(node / 2)
        .optional(leaf, (inner, value) => inner.raw(value.bytes));
    });
    return suite.hash.digest(input);
  }
  const left = await hashOf(leftOf(node));
  const right = await hashOf(rightOf(node));
  const parent = tree.parent(node);
  const removed = new Set(without);
  const original =
    parent && removed.size > 0 ? { ...parent, unmergedLeaves: parent.unmergedLeaves.filter((leaf) => !removed.has(leaf)) } : parent;
  return suite.hash.digest(encode((w) => w.u8(2).optional(original, writeParentNode).vector(left).vector(right)));
}
