/**
 * The arithmetic of array-based trees with a power of two of leaves (RFC 9420 appendix C): leaf i is node 2i, the rest lies between.
 */

/** Nodes of a tree with so many leaves. */
export function nodeCount(leafCount: number): number {
  return 2 * leafCount - 1;
}

export function leafNode(leafIndex: number): number {
  return 2 * leafIndex;
}

export function isLeaf(node: number): boolean {
  return (node & 1) === 0;
}

/** Levels above the leaves. */
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

/** The parent in an endless tree; callers stop at the root. */
export function parentOf(node: number): number {
  const level = levelOf(node);
  return (node | (1 << level)) & ~(1 << (level + 1));
}

/** The nodes above a leaf, from its parent to the root. */
export function directPath(leafIndex: number, leafCount: number): number[] {
  if (leafIndex >= leafCount) throw new RangeError("No such leaf in this tree");
  const path: number[] = [];
  const root = rootOf(leafCount);
  for (let node = leafNode(leafIndex); node !== root;) {
    node = parentOf(node);
    path.push(node);
  }
  return path;
}

/** Whether a node is the given one or lies below it. */
export function isBelow(node: number, ancestor: number): boolean {
  const reach = (1 << levelOf(ancestor)) - 1;
  return node >= ancestor - reach && node <= ancestor + reach;
}

/** The child of a parent on the side away from a node below it. */
export function copathChild(node: number, parent: number): number {
  return node < parent ? rightOf(parent) : leftOf(parent);
}

/** The smallest power of two that is not below a number of leaves. */
export function fullLeafCount(leaves: number): number {
  let count = 1;
  while (count < leaves) count *= 2;
  return count;
}
