/** LMDB's description of a tree. */
export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Number of the root page; `undefined` for an empty tree. */
  readonly root: number | undefined;
}

/** Length of a tree's description, in bytes. */
export const TREE_BYTES = 48;
const NO_PAGE = 2n ** 64n - 1n;
/** Offsets in the description. */
const AT = { flags: 4, depth: 6, branchPages: 8, leafPages: 16, overflowPages: 24, entries: 32, root: 40 } as const;

export function readTree(bytes: Buffer): Tree {
  const number = (at: number): number => Number(bytes.readBigUInt64LE(at));
  return {
    flags: bytes.readUInt16LE(AT.flags),
    depth: bytes.readUInt16LE(AT.depth),
    branchPages: number(AT.branchPages),
    leafPages: number(AT.leafPages),
    overflowPages: number(AT.overflowPages),
    entries: number(AT.entries),
    root: bytes.readBigUInt64LE(AT.root) === NO_PAGE ? undefined : number(AT.root),
  };
}
