import { equalBytes } from "../../src/codec/bytes.ts";
import { encode } from "../../src/codec/writer.ts";
import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import type { RatchetTree, TreeNode } from "../../src/tree/ratchet-tree.ts";

/*
 * RFC 9420 §4.1.1, §7.8 and §7.9 word by word, without caches: what the tree of the engine is compared with. A subtree is named by its root
 * and its height.
 */

type Nodes = readonly (TreeNode | undefined)[];

export interface Subtree {
  readonly node: number;
  readonly height: number;
}

export function wholeTree({ leafCount }: RatchetTree): Subtree {
  return { node: leafCount - 1, height: Math.log2(leafCount) };
}

/** All subtrees, leaves included. */
export function subtrees(top: Subtree): Subtree[] {
  return [top, ...(top.height === 0 ? [] : [left(top), right(top)].flatMap(subtrees))];
}

/** §4.1.1. */
export function resolution(nodes: Nodes, at: Subtree): number[] {
  const node = nodes[at.node];
  if (node?.kind === "parent") return [at.node, ...node.unmergedLeaves.map((leaf) => 2 * leaf)];
  if (node !== undefined) return [at.node];
  return at.height === 0 ? [] : [...resolution(nodes, left(at)), ...resolution(nodes, right(at))];
}

/** §7.8. */
export function subtreeHash(suite: CipherSuite, nodes: Nodes, at: Subtree): Uint8Array {
  const node = nodes[at.node];
  if (at.height === 0) {
    return suite.hash(
      encode((w) => {
        w.u8(1).u32(at.node / 2);
        w.optional(node, (inner, leaf) => inner.raw(leaf.kind === "leaf" ? leaf.bytes : new Uint8Array()));
      }),
    );
  }
  const [leftHash, rightHash] = [subtreeHash(suite, nodes, left(at)), subtreeHash(suite, nodes, right(at))];
  return suite.hash(
    encode((w) => {
      w.u8(2).optional(node?.kind === "parent" ? node : undefined, (inner, parent) =>
        inner
          .vector(parent.publicKey)
          .vector(parent.parentHash)
          .list(parent.unmergedLeaves, (list, leaf) => list.u32(leaf)),
      );
      w.vector(leftHash).vector(rightHash);
    }),
  );
}

/** The nodes that carry the hash of a parent as those do that were set together with it (§7.9.2). Of a valid parent there is one. */
export function parentHashMatches(suite: CipherSuite, nodes: Nodes, at: Subtree): number[] {
  const parent = nodes[at.node];
  if (parent?.kind !== "parent") throw new TypeError("Only parents have parent hashes below them");
  const matches: number[] = [];
  for (const [child, sibling] of [
    [left(at), right(at)],
    [right(at), left(at)],
  ] as const) {
    const original = subtreeHash(suite, withoutLeaves(nodes, parent.unmergedLeaves), sibling);
    const hash = suite.hash(encode((w) => w.vector(parent.publicKey).vector(parent.parentHash).vector(original)));
    const below = resolution(nodes, child);
    const unmergedBelow = parent.unmergedLeaves.map((leaf) => 2 * leaf).filter((leaf) => contains(child, leaf));
    for (const candidate of below) {
      const rest = below.filter((node) => node !== candidate);
      const isWhole = rest.length === unmergedBelow.length && rest.every((node) => unmergedBelow.includes(node));
      const claimed = claimedHash(nodes[candidate]);
      if (isWhole && claimed && equalBytes(claimed, hash)) matches.push(candidate);
    }
  }
  return matches;
}

export function contains({ node, height }: Subtree, other: number): boolean {
  const reach = 2 ** height - 1;
  return Math.abs(other - node) <= reach;
}

function claimedHash(node: TreeNode | undefined): Uint8Array | undefined {
  if (node?.kind === "parent") return node.parentHash;
  return node?.source.kind === "commit" ? node.source.parentHash : undefined;
}

/** The tree as it was before these leaves were added. */
function withoutLeaves(nodes: Nodes, leaves: readonly number[]): Nodes {
  return nodes.map((node, at) => {
    if (node?.kind === "parent") return { ...node, unmergedLeaves: node.unmergedLeaves.filter((leaf) => !leaves.includes(leaf)) };
    return leaves.includes(at / 2) ? undefined : node;
  });
}

function left({ node, height }: Subtree): Subtree {
  return { node: node - 2 ** (height - 1), height: height - 1 };
}

function right({ node, height }: Subtree): Subtree {
  return { node: node + 2 ** (height - 1), height: height - 1 };
}
