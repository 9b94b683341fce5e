/** Leaves that a tree may have at most; far beyond any group that a commit could carry. */
export const MAX_LEAVES: number = 2 ** 20;

/** Leaves of the full tree that holds this many ([RFC 9420 §4.1.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-4.1.1)). */
export function treeWidth(leafCount: number): number {
  let width = 1;
  while (width < leafCount) width *= 2;
  return width;
}

/** Index of the root of a full tree, in the array representation of RFC 9420 appendix C. */
export function rootIndex(width: number): number {
  return width - 1;
}

export interface Branch {
  readonly left: number;
  readonly right: number;
}

/** The children of an inner node. */
export function childrenOf(node: number): Branch {
  const half = 2 ** (levelOf(node) - 1);
  return { left: node - half, right: node + half };
}

/** The leaves below a node: the first, and how many. */
export function leavesBelow(node: number): { readonly first: number; readonly count: number } {
  const count = 2 ** levelOf(node);
  return { first: (node - (count - 1)) / 2, count };
}

/** Leaves are on level 0. */
function levelOf(node: number): number {
  let level = 0;
  while ((node >> level) & 1) level++;
  return level;
}
