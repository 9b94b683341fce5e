import { encode } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import type { Pause } from "../epoch/pause.ts";
import { writeParentNode, type RatchetTree } from "./ratchet-tree.ts";
import { copathChild, isBelow, isLeaf, leafNode, leftOf, rightOf, rootOf } from "./tree-math.ts";

/** Level of the subtrees that are hashed without a pause: 64 leaves take well below a millisecond on node:crypto. */
const CHUNK_LEVEL = 6;

/**
 * The hash of the whole tree ([RFC 9420 §7.8](https://www.rfc-editor.org/rfc/rfc9420.html#section-7.8)). The tree caches the hashes of its
 * subtrees, so only the changed ones are computed: O(log n) hashes after a commit in a large group.
 */
export async function treeHash(suite: CipherSuite, tree: RatchetTree, pause: Pause): Promise<Uint8Array> {
  const firstChunk = 2 ** CHUNK_LEVEL - 1;
  for (let chunk = firstChunk; chunk < tree.nodes.length; chunk += 2 ** (CHUNK_LEVEL + 1)) {
    subtreeHash(suite, tree, chunk);
    await pause();
  }
  return subtreeHash(suite, tree, rootOf(tree.leafCount));
}

/**
 * The parent hash that the node `below` must carry to prove that it was set together with `parent`
 * ([RFC 9420 §7.9](https://www.rfc-editor.org/rfc/rfc9420.html#section-7.9)).
 *
 * It covers the parent's keys and the other subtree as it was at that time, that is without the leaves that were added since and are listed
 * as unmerged.
 */
export async function parentHash(suite: CipherSuite, tree: RatchetTree, below: number, parent: number, pause: Pause): Promise<Uint8Array> {
  const node = tree.parent(parent);
  if (node === undefined) return new Uint8Array();
  const sibling = await originalHash(suite, tree, copathChild(below, parent), node.unmergedLeaves, pause);
  return suite.hash(encode((w) => w.vector(node.publicKey).vector(node.parentHash).vector(sibling)));
}

function subtreeHash(suite: CipherSuite, tree: RatchetTree, node: number): Uint8Array {
  const cached = tree.cachedHash(node);
  if (cached !== undefined) return cached;
  const hash = isLeaf(node)
    ? hashLeaf(suite, tree, node, false)
    : hashParent(suite, tree, node, [], subtreeHash(suite, tree, leftOf(node)), subtreeHash(suite, tree, rightOf(node)));
  tree.cacheHash(node, hash);
  return hash;
}

/** The hash of a subtree as it was before some leaves were added. Subtrees without any of these leaves have their present hash. */
async function originalHash(
  suite: CipherSuite,
  tree: RatchetTree,
  node: number,
  without: readonly number[],
  pause: Pause,
): Promise<Uint8Array> {
  const inside = without.filter((leaf) => isBelow(leafNode(leaf), node));
  if (inside.length === 0) return subtreeHash(suite, tree, node);
  await pause();
  if (isLeaf(node)) return hashLeaf(suite, tree, node, true);
  const left = await originalHash(suite, tree, leftOf(node), inside, pause);
  const right = await originalHash(suite, tree, rightOf(node), inside, pause);
  return hashParent(suite, tree, node, inside, left, right);
}

/** TreeHashInput of a leaf, optionally as if it were blank. */
function hashLeaf(suite: CipherSuite, tree: RatchetTree, node: number, asBlank: boolean): Uint8Array {
  const leafIndex = node / 2;
  const leaf = asBlank ? undefined : tree.leaf(leafIndex);
  return suite.hash(
    encode((w) =>
      w
        .u8(1)
        .u32(leafIndex)
        .optional(leaf, (inner, { bytes }) => inner.raw(bytes)),
    ),
  );
}

/** TreeHashInput of a parent, with some leaves taken out of its unmerged leaves. */
function hashParent(
  suite: CipherSuite,
  tree: RatchetTree,
  node: number,
  without: readonly number[],
  left: Uint8Array,
  right: Uint8Array,
): Uint8Array {
  const parent = tree.parent(node);
  const removed = new Set(without);
  const original =
    parent && removed.size > 0 ? { ...parent, unmergedLeaves: parent.unmergedLeaves.filter((leaf) => !removed.has(leaf)) } : parent;
  return suite.hash(encode((w) => w.u8(2).optional(original, writeParentNode).vector(left).vector(right)));
}
