import { equalBytes } from "../codec/bytes.ts";
import { encodeGroupContext, type GroupContext } from "../codec/structures.ts";
import type { CipherSuite, KeyPair } from "../crypto/cipher-suite.ts";
import { decryptWithLabel, deriveSecret, encryptAllWithLabel, erase } from "../crypto/labels.ts";
import { assertRule, type Environment } from "../epoch/environment.ts";
import { survivingKeys, type GroupState } from "../epoch/group-state.ts";
import type { UpdatePath, UpdatePathNode } from "../proposals/proposal.ts";
import { ownCapabilities } from "./capabilities.ts";
import { signLeaf, type LeafNode } from "./leaf-node.ts";
import type { PathStep, RatchetTree } from "./ratchet-tree.ts";
import { parentHash, treeHash } from "./tree-hash.ts";
import { isBelow, leafNode } from "./tree-math.ts";

/*
 * TreeKEM (RFC 9420 §7.4 to §7.6). The committer draws a fresh path secret for its parent and derives one for each node above it, up to the
 * commit secret above the root. Each path secret is encrypted to the subtree on the other side of its node (the copath). So every remaining
 * member decrypts one of them, at the lowest node that it shares with the committer, and derives the rest; a removed member decrypts none.
 *
 * Nodes that have no member on the copath are left out: the path is filtered (§4.1.2).
 */

/** The result of an update path for a member that created it or decrypted its part. */
export interface PathResult {
  /** The provisional GroupContext: of the next epoch, but with the transcript hash of the current one (RFC 9420 §12.4.1). */
  readonly context: GroupContext;
  /** By node. */
  readonly privateKeys: ReadonlyMap<number, Uint8Array>;
  readonly commitSecret: Uint8Array;
}

export interface NewPath extends PathResult {
  readonly path: UpdatePath;
  /** Path secrets by node, from the lowest node to the root, for new members. The caller erases them. */
  readonly pathSecrets: ReadonlyMap<number, Uint8Array>;
}

/**
 * Creates an update path of this member: replaces the keys on its direct path, and encrypts the path secrets to the other members
 * ([RFC 9420 §7.5](https://www.rfc-editor.org/rfc/rfc9420.html#section-7.5)).
 *
 * @param tree changed by the call
 * @param added nodes of leaves that the same commit adds. They get their path secret in the Welcome.
 */
export async function createPath(
  env: Environment,
  state: GroupState,
  tree: RatchetTree,
  context: GroupContext,
  added: ReadonlySet<number>,
): Promise<NewPath> {
  const { suite } = env;
  const steps = tree.filteredDirectPath(state.ownLeaf);
  const pathSecrets = new Map<number, Uint8Array>();
  const publicKeys: Uint8Array[] = [];
  const fresh = new Map<number, Uint8Array>();
  // If the filtered path is empty, this secret is the commit secret: random, and known to no other member.
  let secret = suite.random(suite.hashLength);
  for (const { node } of steps) {
    const pair = nodeKeyPair(suite, secret);
    pathSecrets.set(node, secret);
    publicKeys.push(pair.publicKey);
    fresh.set(node, pair.privateKey);
    secret = deriveSecret(suite, secret, "path");
  }
  const parentHashOfLeaf = await placePath(env, tree, state.ownLeaf, steps, publicKeys);
  const { leaf, privateKey } = freshLeaf(env, state, context, parentHashOfLeaf);
  tree.setLeaf(state.ownLeaf, leaf);
  fresh.set(leafNode(state.ownLeaf), privateKey);

  // Path secrets are encrypted in the context of the new tree, so a path can't be grafted onto another tree (§7.6). Hence the nodes are placed
  // first, with their public keys, and encrypted after the tree hash is known.
  const provisional = { ...context, treeHash: await treeHash(suite, tree, env.pause) };
  const info = encodeGroupContext(provisional);
  const messages = steps.map(({ node, copath }) => {
    const plaintext = pathSecrets.get(node) ?? secret;
    return recipients(tree, copath, added).map((publicKey) => ({ publicKey, plaintext }));
  });
  const encrypted = await encryptAllWithLabel(suite, messages.flat(), "UpdatePathNode", info, env.pause);
  const nodes = messages.map(({ length }, i): UpdatePathNode => ({
    publicKey: publicKeys[i] ?? new Uint8Array(),
    pathSecrets: encrypted.splice(0, length),
  }));
  const privateKeys = new Map([...survivingKeys(state, tree), ...fresh]);
  return { context: provisional, privateKeys, commitSecret: secret, path: { leaf, nodes }, pathSecrets };
}

/**
 * Applies another member's update path, and decrypts the path secret for this member (RFC 9420 §7.5, §12.4.2). The leaf of the path was
 * validated before.
 *
 * @param tree changed by the call
 * @throws MlsEngineError `invalid_commit`
 */
export async function applyPath(
  env: Environment,
  state: GroupState,
  tree: RatchetTree,
  context: GroupContext,
  sender: number,
  path: UpdatePath,
  added: ReadonlySet<number>,
): Promise<PathResult> {
  const steps = tree.filteredDirectPath(sender);
  assertRule(steps.length === path.nodes.length, "invalid_commit", "The update path has the wrong number of nodes");
  for (const [i, { copath }] of steps.entries()) {
    const expected = copath.filter((node) => !added.has(node)).length;
    const isComplete = path.nodes[i]?.pathSecrets.length === expected;
    assertRule(isComplete, "invalid_commit", "The update path has the wrong number of encrypted path secrets");
  }
  const keys = path.nodes.map((node) => node.publicKey);
  const expectedHash = await placePath(env, tree, sender, steps, keys);
  const claimed = path.leaf.source.kind === "commit" ? path.leaf.source.parentHash : undefined;
  const hasParentHash = claimed !== undefined && equalBytes(claimed, expectedHash);
  assertRule(hasParentHash, "invalid_commit", "The leaf of the update path has the wrong parent hash");
  tree.setLeaf(sender, path.leaf);

  const provisional = { ...context, treeHash: await treeHash(env.suite, tree, env.pause) };
  const own = steps.findIndex(({ node }) => isBelow(leafNode(state.ownLeaf), node));
  const secret = ownPathSecret(env.suite, state, tree, steps[own], path.nodes[own], encodeGroupContext(provisional), added);
  const privateKeys = survivingKeys(state, tree);
  const commitSecret = climb(env.suite, secret, steps.slice(own), keys.slice(own), privateKeys);
  return { context: provisional, privateKeys, commitSecret };
}

/**
 * Derives the path secrets from a node up to the root, stores the private keys of the nodes, and returns the commit secret.
 *
 * Each derived public key must be the one in the tree. Otherwise the committer would have given members different keys.
 *
 * @param pathSecret of the first of `steps`. It is erased.
 * @param privateKeys by node; extended by the call
 * @throws MlsEngineError of `code`
 */
export function climb(
  suite: CipherSuite,
  pathSecret: Uint8Array,
  steps: readonly { readonly node: number }[],
  publicKeys: readonly Uint8Array[],
  privateKeys: Map<number, Uint8Array>,
  code: "invalid_commit" | "invalid_welcome" = "invalid_commit",
): Uint8Array {
  let secret = pathSecret;
  for (const [i, { node }] of steps.entries()) {
    const pair = nodeKeyPair(suite, secret);
    const expected = publicKeys[i];
    const isExpected = expected !== undefined && equalBytes(pair.publicKey, expected);
    assertRule(isExpected, code, "A path secret doesn't match the public key of its node");
    privateKeys.set(node, pair.privateKey);
    const next = deriveSecret(suite, secret, "path");
    erase(secret);
    secret = next;
  }
  return secret;
}

/** The key pair of a node, from its path secret (RFC 9420 §7.4). */
function nodeKeyPair(suite: CipherSuite, pathSecret: Uint8Array): KeyPair {
  const nodeSecret = deriveSecret(suite, pathSecret, "node");
  const pair = suite.deriveKeyPair(nodeSecret);
  erase(nodeSecret);
  return pair;
}

/** Sets the nodes of a path from the root down, each with the parent hash of the one above, and returns the parent hash for the leaf (§7.9). */
async function placePath(
  env: Environment,
  tree: RatchetTree,
  leafIndex: number,
  steps: readonly PathStep[],
  publicKeys: readonly Uint8Array[],
): Promise<Uint8Array> {
  tree.blankPath(leafIndex);
  let above: number | undefined;
  // From the top: a node's parent hash covers the parent hash of the node above, so a change anywhere on the path changes the leaf (§7.9).
  for (let i = steps.length - 1; i >= 0; i--) {
    const node = steps[i]?.node ?? 0;
    const hash = above === undefined ? new Uint8Array() : await parentHash(env.suite, tree, node, above, env.pause);
    tree.setParent(node, { publicKey: publicKeys[i] ?? new Uint8Array(), parentHash: hash, unmergedLeaves: [] });
    above = node;
  }
  return above === undefined ? new Uint8Array() : parentHash(env.suite, tree, leafNode(leafIndex), above, env.pause);
}

/** The own leaf with a fresh encryption key. Capabilities and extensions stay. */
function freshLeaf(
  { suite, signer }: Environment,
  state: GroupState,
  context: GroupContext,
  hash: Uint8Array,
): { leaf: LeafNode; privateKey: Uint8Array } {
  const { publicKey, privateKey } = suite.generateKeyPair();
  const before = state.tree.leaf(state.ownLeaf);
  const content = {
    encryptionKey: publicKey,
    signatureKey: signer.signatureKey.publicKey,
    credential: signer.credential,
    capabilities: before?.capabilities ?? ownCapabilities(suite, signer.credential),
    source: { kind: "commit", parentHash: hash } as const,
    extensions: before?.extensions ?? [],
  };
  const place = { groupId: context.groupId, leafIndex: state.ownLeaf };
  return { leaf: signLeaf(suite, signer.signatureKey.privateKey, content, place), privateKey };
}

/** The public keys that a path secret is encrypted to. */
function recipients(tree: RatchetTree, copath: readonly number[], added: ReadonlySet<number>): Uint8Array[] {
  return copath.flatMap((node) => (added.has(node) ? [] : (tree.publicKey(node) ?? [])));
}

/** Decrypts the path secret of the lowest node shared with the committer, with the private key of the first node of its copath that we have. */
function ownPathSecret(
  suite: CipherSuite,
  state: GroupState,
  tree: RatchetTree,
  step: PathStep | undefined,
  node: UpdatePathNode | undefined,
  info: Uint8Array,
  added: ReadonlySet<number>,
): Uint8Array {
  // The proposals of this commit can have blanked or replaced nodes, whose old private keys decrypt nothing in the new tree.
  const usable = survivingKeys(state, tree);
  const candidates = step?.copath.filter((n) => !added.has(n)) ?? [];
  const index = candidates.findIndex((n) => usable.has(n));
  const key = usable.get(candidates[index] ?? -1);
  const ciphertext = node?.pathSecrets[index];
  assertRule(key !== undefined && ciphertext !== undefined, "invalid_commit", "The update path has no path secret for this member");
  const secret = decryptWithLabel(suite, key, "UpdatePathNode", info, ciphertext);
  assertRule(secret?.length === suite.hashLength, "invalid_commit", "The path secret for this member cannot be decrypted");
  return secret;
}
