/**
 * Arithmetic of array-based trees ([RFC 9420 appendix C](https://www.rfc-editor.org/rfc/rfc9420.html#appendix-C)), for the ratchet tree
 * and the secret tree.
 *
 * A tree always has a power of two of leaves. Leaf i is node 2i; the parents are the odd numbers between. The number of trailing ones of a
 * node's index is its level.
 */

/** The number of nodes of a tree. */
export function nodeCount(leafCount: number): number {
  return 2 * leafCount - 1;
}

export function leafNode(leafIndex: number): number {
  return 2 * leafIndex;
}

export function isLeaf(node: number): boolean {
  return (node & 1) === 0;
}

/** The height of a node above the leaves, which are at level 0. */
function levelOf(node: number): number {
  let level = 0;
  while (((node >> level) & 1) === 1) level++;
  return level;
}

export function rootOf(leafCount: number): number {
  return leafCount - 1;
}

export function leftOf(node: number): number {
  return node ^ (1 << (levelOf(node) - 1));
}

export function rightOf(node: number): number {
  return node ^ (3 << (levelOf(node) - 1));
}

/** The parent in a tree without end. Callers stop at the root. */
export function parentOf(node: number): number {
  const level = levelOf(node);
  return (node | (1 << level)) & ~(1 << (level + 1));
}

/** The nodes above a leaf, from its parent to the root. */
export function directPath(leafIndex: number, leafCount: number): number[] {
  if (leafIndex >= leafCount) throw new RangeError(`Leaf ${leafIndex} is outside a tree of ${leafCount} leaves`);
  const path: number[] = [];
  const root = rootOf(leafCount);
  for (let node = leafNode(leafIndex); node !== root;) {
    node = parentOf(node);
    path.push(node);
  }
  return path;
}

/** Whether a node is in the subtree of an ancestor, or is that ancestor. */
export function isBelow(node: number, ancestor: number): boolean {
  const reach = (1 << levelOf(ancestor)) - 1;
  return node >= ancestor - reach && node <= ancestor + reach;
}

/** The leaves in the subtree of a node. */
export function leavesBelow(node: number): { readonly first: number; readonly count: number } {
  const count = 1 << levelOf(node);
  return { first: (node - (count - 1)) / 2, count };
}

/** The child of a parent that is not above `node`. */
export function copathChild(node: number, parent: number): number {
  return node < parent ? rightOf(parent) : leftOf(parent);
}

/** The leaves of the smallest tree with room for this many members. */
export function fullLeafCount(leaves: number): number {
  let count = 1;
  while (count < leaves) count *= 2;
  return count;
}
