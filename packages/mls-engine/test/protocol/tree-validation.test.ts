import { decodeWhole } from "../../src/codec/reader.ts";
import { encode } from "../../src/codec/writer.ts";
import { signWithLabel } from "../../src/crypto/labels.ts";
import { gateOrSoak, randomFrom } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { encodeUnsignedLeaf, leafNodeTbs, signedLeaf, type LeafNode } from "../../src/tree/leaf-node.ts";
import { encodeTree, RatchetTree, readTree, writeTreeNode, type ParentNode, type TreeNode } from "../../src/tree/ratchet-tree.ts";
import { treeHash } from "../../src/tree/tree-hash.ts";
import { checkTree } from "../../src/tree/tree-validation.ts";
import { codeThrownBy } from "../expect-error.ts";
import { codeOf } from "../world.ts";
import type { Client } from "./clients.ts";
import { RandomGroup } from "./random-group.ts";
import { contains, parentHashMatches, resolution, subtreeHash, subtrees, wholeTree } from "./reference-tree.ts";

const STEPS = 12;
const SEEDS = Array.from({ length: gateOrSoak(4, 80) }, (_, i) => i + 100);
const NOBODY = -1;

type Nodes = (TreeNode | undefined)[];
type Indexed<T> = readonly [node: number, T];

/** A tree, and lists of its nodes. */
interface Sample {
  readonly members: readonly Client[];
  readonly tree: RatchetTree;
  readonly nodes: readonly (TreeNode | undefined)[];
  readonly parents: readonly Indexed<ParentNode>[];
  readonly leaves: readonly Indexed<LeafNode>[];
  /** Nodes by whose hash a parent is valid. */
  readonly matched: ReadonlySet<number>;
  readonly random: (below: number) => number;
}

/** Trees of one history, the last first. */
async function samples(seed: number): Promise<Sample[]> {
  const group = await RandomGroup.create(seed);
  const random = randomFrom(seed);
  const found: Sample[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    await group.step();
    found.unshift(await sampleOf(group, random));
  }
  return found;
}

async function sampleOf({ first, members }: RandomGroup, random: (below: number) => number): Promise<Sample> {
  const { tree } = first.state;
  const parents: Indexed<ParentNode>[] = [];
  const leaves: Indexed<LeafNode>[] = [];
  const matched = new Set<number>();
  for (const [at, node] of tree.nodes.entries()) {
    if (node?.kind === "leaf") leaves.push([at, node]);
    if (node?.kind === "parent") parents.push([at, node]);
  }
  for (const at of subtrees(wholeTree(tree))) {
    if (tree.parent(at.node) === undefined) continue;
    for (const node of parentHashMatches(first.env.suite, tree.nodes, at)) matched.add(node);
  }
  return { members, tree, nodes: tree.nodes, parents, leaves, matched, random };
}

function ownerOf({ members: [member] }: Sample): Client {
  if (member === undefined) throw new TypeError("The group has no members");
  return member;
}

/** The code by which a new member rejects a tree; its hash is that of the group context. */
async function verdict(sample: Sample, nodes: readonly (TreeNode | undefined)[]): Promise<string> {
  const { env, state } = ownerOf(sample);
  const tree = RatchetTree.of(nodes, state.tree.leafCount);
  const context = { ...state.context, treeHash: await treeHash(env.suite, tree, env.pause) };
  return codeOf(checkTree(env, tree, context, NOBODY));
}

function isBelow(sample: Sample, node: number, parent: number): boolean {
  const at = subtrees(wholeTree(sample.tree)).find((subtree) => subtree.node === parent);
  return at !== undefined && contains(at, node);
}

function isBelowParent(sample: Sample, node: number): boolean {
  return sample.parents.some(([parent]) => parent !== node && isBelow(sample, node, parent));
}

function merged(parent: ParentNode, node: number, sample: Sample): number[] {
  return membersBelow(sample, node, true).filter((leaf) => !parent.unmergedLeaves.includes(leaf));
}

function membersBelow(sample: Sample, parent: number, inside: boolean): number[] {
  return sample.leaves.filter(([leaf]) => isBelow(sample, leaf, parent) === inside).map(([leaf]) => leaf / 2);
}

function blankLeaves(sample: Sample, parent: number): number[] {
  const blank = sample.nodes.flatMap((entry, at) => (entry === undefined && at % 2 === 0 ? [at] : []));
  return blank.filter((at) => isBelow(sample, at, parent)).map((at) => at / 2);
}

function sorted(leaves: readonly number[]): number[] {
  return leaves.toSorted((a, b) => a - b);
}

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy.set([(copy[0] ?? 0) ^ 1]);
  return copy;
}

/** A leaf changed and signed again by the member that it is of. */
async function resigned(sample: Sample, node: number, change: (leaf: LeafNode) => Partial<LeafNode>): Promise<TreeNode> {
  const member = sample.members.find(({ state }) => state.ownLeaf === node / 2);
  const leaf = member?.state.tree.leaf(node / 2);
  if (member === undefined || leaf === undefined) throw new TypeError("The leaf has no member");
  const { env, state } = member;
  const content = { ...leaf, ...change(leaf) };
  const unsigned = encodeUnsignedLeaf(content);
  const signed = leafNodeTbs(unsigned, content.source, { groupId: state.context.groupId, leafIndex: state.ownLeaf });
  const signature = signWithLabel(env.suite, env.signer.signatureKey.privateKey, "LeafNodeTBS", signed);
  return { kind: "leaf", ...signedLeaf(content, unsigned, signature) };
}

/** Places of a tree where a kind of corruption applies, and what it makes of one. */
interface Corruption<T> {
  readonly places: (sample: Sample) => readonly Indexed<T>[];
  readonly apply: (nodes: Nodes, place: Indexed<T>, sample: Sample) => void | Promise<void>;
}

function ofParents(
  change: (parent: ParentNode, node: number, sample: Sample) => Partial<ParentNode>,
  applies: (parent: ParentNode, node: number, sample: Sample) => boolean = () => true,
): Corruption<ParentNode> {
  return {
    places: (sample) => sample.parents.filter(([node, parent]) => applies(parent, node, sample)),
    apply: (nodes, [node, parent], sample) => {
      nodes[node] = { kind: "parent", ...parent, ...change(parent, node, sample) };
    },
  };
}

function unmerged(
  change: (parent: ParentNode, node: number, sample: Sample) => readonly number[],
  applies?: (parent: ParentNode, node: number, sample: Sample) => boolean,
): Corruption<ParentNode> {
  return ofParents((...at) => ({ unmergedLeaves: change(...at) }), applies);
}

function ofLeaves(
  change: (leaf: LeafNode, node: number, sample: Sample) => (TreeNode | undefined) | Promise<TreeNode | undefined>,
  applies: (leaf: LeafNode, node: number, sample: Sample) => boolean = () => true,
): Corruption<LeafNode> {
  return {
    places: (sample) => sample.leaves.filter(([node, leaf]) => applies(leaf, node, sample)),
    apply: async (nodes, [node, leaf], sample) => {
      nodes[node] = await change(leaf, node, sample);
    },
  };
}

const CORRUPTIONS: Record<string, Corruption<ParentNode> | Corruption<LeafNode> | Corruption<undefined>> = {
  "a changed public key of a parent": ofParents(({ publicKey }) => ({ publicKey: flipped(publicKey) })),
  "a changed parent hash of a parent": ofParents(({ parentHash }) => ({
    parentHash: parentHash.length > 0 ? flipped(parentHash) : new Uint8Array(32),
  })),
  "a parent that is blanked below another": {
    places: (sample) => sample.parents.filter(([node]) => isBelowParent(sample, node)),
    apply: (nodes, [node]) => void nodes.splice(node, 1, undefined),
  } satisfies Corruption<ParentNode>,
  "a parent where the tree is blank": {
    places: ({ nodes }) => nodes.flatMap((node, at): Indexed<undefined>[] => (node === undefined && at % 2 === 1 ? [[at, undefined]] : [])),
    apply: (nodes, [node]) => {
      nodes[node] = { kind: "parent", publicKey: new Uint8Array(32).fill(7), parentHash: new Uint8Array(), unmergedLeaves: [] };
    },
  } satisfies Corruption<undefined>,
  "an unmerged leaf that is left out": unmerged(
    ({ unmergedLeaves }, _, { random }) => unmergedLeaves.toSpliced(random(unmergedLeaves.length), 1),
    ({ unmergedLeaves }) => unmergedLeaves.length > 0,
  ),
  "a merged leaf that is listed as unmerged": unmerged(
    (parent, node, sample) => sorted([...parent.unmergedLeaves, merged(parent, node, sample)[0] ?? 0]),
    (parent, node, sample) => merged(parent, node, sample).length > 0,
  ),
  "unmerged leaves out of order": unmerged(
    ({ unmergedLeaves }) => unmergedLeaves.toReversed(),
    ({ unmergedLeaves }) => unmergedLeaves.length > 1,
  ),
  "an unmerged leaf that is listed twice": unmerged(
    ({ unmergedLeaves }) => [...unmergedLeaves, ...unmergedLeaves.slice(-1)],
    ({ unmergedLeaves }) => unmergedLeaves.length > 0,
  ),
  "an unmerged leaf from elsewhere in the tree": unmerged(
    ({ unmergedLeaves }, node, sample) => sorted([...unmergedLeaves, membersBelow(sample, node, false)[0] ?? 0]),
    (_, node, sample) => membersBelow(sample, node, false).length > 0,
  ),
  "an unmerged leaf beyond the tree": unmerged(({ unmergedLeaves }, _, { nodes }) => [...unmergedLeaves, nodes.length]),
  "an unmerged leaf that is blank": unmerged(
    ({ unmergedLeaves }, node, sample) => sorted([...unmergedLeaves, blankLeaves(sample, node)[0] ?? 0]),
    (_, node, sample) => blankLeaves(sample, node).length > 0,
  ),
  "a leaf that is blanked below a parent": ofLeaves(
    () => undefined,
    (_, node, sample) => isBelowParent(sample, node),
  ),
  "a changed signature of a leaf": ofLeaves((leaf) => ({ kind: "leaf", ...signedLeaf(leaf, leaf.unsigned, flipped(leaf.signature)) })),
  "a changed parent hash of the leaf that makes a parent valid": ofLeaves(
    (_, node, sample) => resigned(sample, node, () => ({ source: { kind: "commit", parentHash: new Uint8Array(32) } })),
    (_, node, { matched }) => matched.has(node),
  ),
  "a leaf of a commit in another's place": ofLeaves(
    (_, node, { leaves }) => {
      const moved = leaves.find(([at, leaf]) => at !== node && leaf.source.kind === "commit");
      return moved && { kind: "leaf", ...moved[1] };
    },
    (_, node, { leaves }) => leaves.some(([at, leaf]) => at !== node && leaf.source.kind === "commit"),
  ),
  "two leaves with one encryption key": ofLeaves((_, node, sample) =>
    resigned(sample, node, () => ({ encryptionKey: sample.leaves.find(([at]) => at !== node)?.[1].encryptionKey ?? new Uint8Array() })),
  ),
};

describe("trees of random histories", () => {
  it.each(SEEDS)("have the resolutions, tree hashes and parent hashes of the RFC (seed %i)", { timeout: 600_000 }, async (seed) => {
    for (const sample of await samples(seed)) {
      const { env, state } = ownerOf(sample);
      const tree = RatchetTree.of(sample.nodes, state.tree.leafCount);
      await treeHash(env.suite, tree, env.pause);
      for (const at of subtrees(wholeTree(tree))) {
        expect(tree.resolution(at.node)).toEqual(resolution(sample.nodes, at));
        expect(tree.cachedHash(at.node)).toEqual(subtreeHash(env.suite, sample.nodes, at));
      }
      for (const at of subtrees(wholeTree(tree)).filter(({ node }) => tree.parent(node) !== undefined)) {
        expect(parentHashMatches(env.suite, sample.nodes, at)).toHaveLength(1);
      }
      expect(await verdict(sample, sample.nodes)).toBe("resolved");
    }
  });
});

describe("a received tree is rejected for", () => {
  const trees = Promise.all(SEEDS.map(samples)).then((all) => all.flat());

  async function check<T>({ places, apply }: Corruption<T>): Promise<number> {
    let tried = 0;
    for (const sample of await trees) {
      const found = places(sample);
      const place = found[sample.random(found.length)];
      if (place === undefined) continue;
      const nodes = sample.nodes.slice();
      await apply(nodes, place, sample);
      expect(await verdict(sample, nodes), `node ${place[0]}`).toBe("invalid_welcome");
      tried += 1;
    }
    return tried;
  }

  it.each(Object.entries(CORRUPTIONS))("%s", { timeout: 600_000 }, async (_, corruption) => {
    expect(await check(corruption as Corruption<unknown>)).toBeGreaterThan(0);
  });

  it("a hash that differs from the group context", { timeout: 600_000 }, async () => {
    for (const sample of await trees) {
      const { env, state } = ownerOf(sample);
      const context = { ...state.context, treeHash: flipped(state.context.treeHash) };
      expect(await codeOf(checkTree(env, state.tree, context, NOBODY))).toBe("invalid_welcome");
    }
  });

  it("nodes in wrong places, trailing blanks or too many leaves", { timeout: 600_000 }, async () => {
    for (const { tree, nodes, leaves } of await trees) {
      const encoded = (list: readonly (TreeNode | undefined)[]): Uint8Array =>
        encode((w) => w.list(list, (inner, node) => inner.optional(node, writeTreeNode)));
      const read = (list: readonly (TreeNode | undefined)[], most = 64): string | undefined =>
        codeThrownBy(() => decodeWhole(encoded(list), (r) => readTree(r, most)));
      const valid = nodes.slice(0, (leaves.at(-1)?.[0] ?? 0) + 1);
      expect(encoded(valid)).toEqual(encodeTree(tree));
      expect(read(valid)).toBeUndefined();
      expect(read([...valid, undefined])).toBe("malformed");
      const [[, leaf] = [0, undefined]] = leaves;
      expect(read(valid.toSpliced(1, 1, leaf && { kind: "leaf", ...leaf }))).toBe("malformed");
      expect(read(valid.slice(1))).toBe("malformed");
      expect(read(valid, leaves.length > 8 ? 8 : 2)).toBe("too_large");
      expect(read([])).toBe("malformed");
    }
  });
});
