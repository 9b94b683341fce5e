import { type Reader, malformed } from "../codec/reader.ts";
import { type Writer, encode } from "../codec/writer.ts";
import { MlsEngineError } from "../errors.ts";
import { readLeafNode, type LeafNode } from "./leaf-node.ts";
import { MAX_ENTRIES, u32 } from "../codec/structures.ts";
import { copathChild, directPath, fullLeafCount, isLeaf, leafNode, leftOf, nodeCount, parentOf, rightOf, rootOf } from "./tree-math.ts";

/** A parent node (RFC 9420 §7.1). */
export interface ParentNode {
  readonly publicKey: Uint8Array;
  readonly parentHash: Uint8Array;
  readonly unmergedLeaves: readonly number[];
}

export type TreeNode = ({ readonly kind: "leaf" } & LeafNode) | ({ readonly kind: "parent" } & ParentNode);

/** A node of a filtered direct path, with the resolution of its child on the copath (RFC 9420 §4.1.2). */
export interface PathStep {
  readonly node: number;
  readonly copath: readonly number[];
}

/**
 * The public part of a group's ratchet tree ([RFC 9420 §4.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-4.1)).
 *
 * Nodes are immutable and shared between copies. The tree of an epoch is never changed: a commit changes a {@link RatchetTree.copy}. The store
 * relies on that, and writes only the nodes whose identity changed.
 */
export class RatchetTree {
  #nodes: (TreeNode | undefined)[];
  /** Cached hashes of subtrees. If one is missing, those of all its ancestors are missing too. */
  #hashes: (Uint8Array | undefined)[];

  private constructor(nodes: (TreeNode | undefined)[], hashes: (Uint8Array | undefined)[]) {
    this.#nodes = nodes;
    this.#hashes = hashes;
  }

  static ofOne(leaf: LeafNode): RatchetTree {
    return new RatchetTree([{ kind: "leaf", ...leaf }], [undefined]);
  }

  /** A tree from its nodes. Missing nodes at the end are blank. */
  static of(nodes: readonly (TreeNode | undefined)[], leafCount: number): RatchetTree {
    const all = Array.from({ length: nodeCount(leafCount) }, (_, i) => nodes[i]);
    return new RatchetTree(
      all,
      all.map(() => undefined),
    );
  }

  copy(): RatchetTree {
    return new RatchetTree(this.#nodes.slice(), this.#hashes.slice());
  }

  /** The number of leaves, including blank ones: a power of two. */
  get leafCount(): number {
    return (this.#nodes.length + 1) / 2;
  }

  get nodes(): readonly (TreeNode | undefined)[] {
    return this.#nodes;
  }

  leaf(leafIndex: number): LeafNode | undefined {
    const node = this.#nodes[leafNode(leafIndex)];
    return node?.kind === "leaf" ? node : undefined;
  }

  parent(node: number): ParentNode | undefined {
    const found = this.#nodes[node];
    return found?.kind === "parent" ? found : undefined;
  }

  publicKey(node: number): Uint8Array | undefined {
    const found = this.#nodes[node];
    return found?.kind === "leaf" ? found.encryptionKey : found?.publicKey;
  }

  *leaves(): Generator<[leafIndex: number, leaf: LeafNode]> {
    for (let i = 0; i < this.#nodes.length; i += 2) {
      const node = this.#nodes[i];
      if (node?.kind === "leaf") yield [i / 2, node];
    }
  }

  cachedHash(node: number): Uint8Array | undefined {
    return this.#hashes[node];
  }

  cacheHash(node: number, hash: Uint8Array): void {
    this.#hashes[node] = hash;
  }

  /**
   * Adds a leaf at the leftmost blank one, and extends a full tree (RFC 9420 §7.7, §12.1.1). The new member is unmerged in all nodes above,
   * for it doesn't know their private keys.
   *
   * @param from a leaf below which none is blank, to speed up several additions
   */
  add(leaf: LeafNode, from = 0): number {
    let index = from;
    while (index < this.leafCount && this.#nodes[leafNode(index)] !== undefined) index++;
    if (index === this.leafCount) this.#extend();
    for (const node of directPath(index, this.leafCount)) {
      const parent = this.parent(node);
      if (parent === undefined) continue;
      const unmergedLeaves = [...parent.unmergedLeaves, index].toSorted((a, b) => a - b);
      this.#set(node, { kind: "parent", publicKey: parent.publicKey, parentHash: parent.parentHash, unmergedLeaves });
    }
    this.setLeaf(index, leaf);
    return index;
  }

  /** Replaces a leaf and blanks the nodes above it (RFC 9420 §12.1.2). */
  update(leafIndex: number, leaf: LeafNode): void {
    this.setLeaf(leafIndex, leaf);
    this.blankPath(leafIndex);
  }

  /** Blanks a leaf and the nodes above it, whose private keys the removed member knows (RFC 9420 §12.1.3). Call {@link truncate} afterwards. */
  remove(leafIndex: number): void {
    this.#set(leafNode(leafIndex), undefined);
    this.blankPath(leafIndex);
  }

  /** Halves the tree as long as its right half is blank (RFC 9420 §7.7). */
  truncate(): void {
    let leaves = this.leafCount;
    let last = leaves - 1;
    while (last > 0 && this.#nodes[leafNode(last)] === undefined) last--;
    leaves = fullLeafCount(last + 1);
    this.#nodes.length = nodeCount(leaves);
    this.#hashes.length = nodeCount(leaves);
  }

  setLeaf(leafIndex: number, leaf: LeafNode): void {
    this.#set(leafNode(leafIndex), { kind: "leaf", ...leaf });
  }

  setParent(node: number, parent: ParentNode): void {
    this.#set(node, { kind: "parent", ...parent });
  }

  blankPath(leafIndex: number): void {
    for (const node of directPath(leafIndex, this.leafCount)) this.#set(node, undefined);
  }

  /** The resolution of a node: the keys to encrypt to, to reach all members below it (RFC 9420 §4.1.1). */
  resolution(node: number): number[] {
    const found: number[] = [];
    this.#resolve(node, found);
    return found;
  }

  /** The direct path of a leaf, without nodes that have no member on the copath (RFC 9420 §4.1.2). */
  filteredDirectPath(leafIndex: number): PathStep[] {
    const steps: PathStep[] = [];
    for (const node of directPath(leafIndex, this.leafCount)) {
      const copath = this.resolution(copathChild(leafNode(leafIndex), node));
      if (copath.length > 0) steps.push({ node, copath });
    }
    return steps;
  }

  /** The nearest non-blank ancestor. */
  nonBlankAncestor(node: number): number | undefined {
    const root = rootOf(this.leafCount);
    for (let current = node; current !== root;) {
      current = parentOf(current);
      if (this.#nodes[current] !== undefined) return current;
    }
    return undefined;
  }

  #resolve(node: number, found: number[]): void {
    const entry = this.#nodes[node];
    if (entry !== undefined) {
      found.push(node);
      if (entry.kind === "parent") for (const leaf of entry.unmergedLeaves) found.push(leafNode(leaf));
    } else if (!isLeaf(node)) {
      this.#resolve(leftOf(node), found);
      this.#resolve(rightOf(node), found);
    }
  }

  #extend(): void {
    const length = nodeCount(this.leafCount * 2);
    while (this.#nodes.length < length) {
      this.#nodes.push(undefined);
      this.#hashes.push(undefined);
    }
  }

  #set(node: number, value: TreeNode | undefined): void {
    if (this.#nodes[node] === undefined && value === undefined) return;
    this.#nodes[node] = value;
    const root = rootOf(this.leafCount);
    let current = node;
    while (this.#hashes[current] !== undefined) {
      this.#hashes[current] = undefined;
      if (current === root) return;
      current = parentOf(current);
    }
  }
}

/** A node as the `ratchet_tree` extension encodes it (RFC 9420 §12.4.3.3). */
export function writeTreeNode(w: Writer, node: TreeNode): void {
  if (node.kind === "leaf") w.u8(1).raw(node.bytes);
  else writeParentNode(w.u8(2), node);
}

export function writeParentNode(w: Writer, node: ParentNode): void {
  w.vector(node.publicKey)
    .vector(node.parentHash)
    .list(node.unmergedLeaves, (inner, leaf) => inner.u32(leaf));
}

export function readTreeNode(r: Reader): TreeNode {
  const kind = r.u8();
  if (kind === 1) return { kind: "leaf", ...readLeafNode(r) };
  if (kind !== 2) throw malformed("A tree node has an unknown type");
  return { kind: "parent", publicKey: r.vector(), parentHash: r.vector(), unmergedLeaves: r.list(u32, MAX_ENTRIES.members) };
}

export function encodeTree(tree: RatchetTree): Uint8Array {
  const nodes = tree.nodes;
  let length = nodes.length;
  while (length > 0 && nodes[length - 1] === undefined) length--;
  return encode((w) => w.list(nodes.slice(0, length), (inner, node) => inner.optional(node, writeTreeNode)));
}

/**
 * Reads a `ratchet_tree` extension (RFC 9420 §12.4.3.3). Only its structure is checked; `checkTree` validates its content.
 *
 * @throws MlsEngineError `malformed`, `too_large`
 */
export function readTree(r: Reader, maxMembers: number): RatchetTree {
  const nodes = r.list((inner) => inner.optional(readTreeNode), nodeCount(fullLeafCount(maxMembers)));
  if (nodes.at(-1) === undefined) throw malformed("The tree ends with a blank node");
  for (const [i, node] of nodes.entries()) {
    if (node !== undefined && isLeaf(i) !== (node.kind === "leaf"))
      throw malformed("The tree has a parent in the place of a leaf, or a leaf in the place of a parent");
  }
  const leaves = fullLeafCount(Math.ceil((nodes.length + 1) / 2));
  if (leaves > fullLeafCount(maxMembers))
    throw new MlsEngineError("too_large", `Tree too large: ${leaves} leaves, limit ${maxMembers} members`);
  return RatchetTree.of(nodes, leaves);
}
