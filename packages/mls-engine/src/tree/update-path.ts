import { equalBytes } from "../codec/codec.ts";
import { must, type Environment } from "../epoch/environment.ts";
import { encodeGroupContext } from "../framing/framed-content.ts";
import { survivingKeys, type GroupState } from "../epoch/group-state.ts";
import { decryptFrom, derive, encryptTo, erase, freshKeyPair, nodeKeyPair, sign, type Suite } from "../crypto/labels.ts";
import { encodeUnsignedLeaf, leafToBeSigned, signedLeaf, type LeafContent, type LeafNode } from "./leaf-node.ts";
import type { UpdatePath, UpdatePathNode } from "../proposals/proposal.ts";
import type { PathStep, RatchetTree } from "./ratchet-tree.ts";
import { ownCapabilities } from "./capabilities.ts";
import type { GroupContext, HpkeCiphertext } from "../codec/structures.ts";
import { isBelow, leafNode } from "./tree-math.ts";
import { parentHash, treeHash } from "./tree-hash.ts";

/** What an update path gives to whoever made or could read it. */
export interface PathResult {
  /** The provisional context: the next one, but for the transcript (RFC 9420 §12.4.1). */
  readonly context: GroupContext;
  readonly privateKeys: ReadonlyMap<number, Uint8Array>;
  readonly commitSecret: Uint8Array;
}

export interface NewPath extends PathResult {
  readonly path: UpdatePath;
  /** Secrets of the nodes of the path, for new members; whoever uses them erases them. */
  readonly pathSecrets: ReadonlyMap<number, Uint8Array>;
}

/** Puts fresh keys on the own path and encrypts them to everybody else (RFC 9420 §7.4 – §7.6). Changes the tree. */
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
  // With nobody to encrypt to, nobody but us can compute the next epoch: also not who was just removed.
  let secret = suite.rng.randomBytes(suite.kdf.size);
  for (const { node } of steps) {
    const pair = await nodeKeyPair(suite, secret);
    pathSecrets.set(node, secret);
    publicKeys.push(pair.publicKey);
    fresh.set(node, pair.privateKey);
    secret = await derive(suite, secret, "path");
  }
  const parentHashOfLeaf = await placePath(env, tree, state.ownLeaf, steps, publicKeys);
  const { leaf, privateKey } = await freshLeaf(env, state, context, parentHashOfLeaf);
  tree.setLeaf(state.ownLeaf, leaf);
  fresh.set(leafNode(state.ownLeaf), privateKey);

  const provisional = { ...context, treeHash: await treeHash(suite, tree, env.pause) };
  const info = encodeGroupContext(provisional);
  const nodes: UpdatePathNode[] = [];
  for (const [i, { node, copath }] of steps.entries()) {
    const pathSecret = pathSecrets.get(node) ?? secret;
    const encrypted: HpkeCiphertext[] = [];
    for (const key of recipients(tree, copath, added)) {
      encrypted.push(await encryptTo(suite, key, "UpdatePathNode", info, pathSecret));
      await env.pause();
    }
    nodes.push({ publicKey: publicKeys[i] ?? new Uint8Array(), pathSecrets: encrypted });
  }
  const privateKeys = new Map([...survivingKeys(state, tree), ...fresh]);
  return { context: provisional, privateKeys, commitSecret: secret, path: { leaf, nodes }, pathSecrets };
}

/** Applies another member's path and decrypts what it holds for us (RFC 9420 §7.5, §12.4.2). Changes the tree. */
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
  must(steps.length === path.nodes.length, "invalid_commit", "An update path has the wrong length");
  for (const [i, { copath }] of steps.entries()) {
    const expected = copath.filter((node) => !added.has(node)).length;
    must(path.nodes[i]?.pathSecrets.length === expected, "invalid_commit", "An update path is not encrypted to the right members");
  }
  const keys = path.nodes.map((node) => node.publicKey);
  const expectedHash = await placePath(env, tree, sender, steps, keys);
  const claimed = path.leaf.source.kind === "commit" ? path.leaf.source.parentHash : undefined;
  must(claimed !== undefined && equalBytes(claimed, expectedHash), "invalid_commit", "An update path doesn't fit its leaf");
  tree.setLeaf(sender, path.leaf);

  const provisional = { ...context, treeHash: await treeHash(env.suite, tree, env.pause) };
  const own = steps.findIndex(({ node }) => isBelow(leafNode(state.ownLeaf), node));
  const secret = await ownPathSecret(env.suite, state, tree, steps[own], path.nodes[own], encodeGroupContext(provisional), added);
  const privateKeys = survivingKeys(state, tree);
  const commitSecret = await climb(env.suite, secret, steps.slice(own), keys.slice(own), privateKeys);
  return { context: provisional, privateKeys, commitSecret };
}

/** Derives the keys from a path secret up to the root and returns the commit secret. Each must be the one that everybody sees. */
export async function climb(
  suite: Suite,
  pathSecret: Uint8Array,
  steps: readonly { readonly node: number }[],
  publicKeys: readonly Uint8Array[],
  privateKeys: Map<number, Uint8Array>,
  code: "invalid_commit" | "invalid_welcome" = "invalid_commit",
): Promise<Uint8Array> {
  let secret = pathSecret;
  for (const [i, { node }] of steps.entries()) {
    const pair = await nodeKeyPair(suite, secret);
    const expected = publicKeys[i];
    must(expected !== undefined && equalBytes(pair.publicKey, expected), code, "A path secret doesn't belong to its public key");
    privateKeys.set(node, pair.privateKey);
    const next = await derive(suite, secret, "path");
    erase(secret);
    secret = next;
  }
  return secret;
}

/** Sets the public keys of a path and the hashes that chain them; returns the hash for the leaf. */
async function placePath(
  env: Environment,
  tree: RatchetTree,
  leafIndex: number,
  steps: readonly PathStep[],
  publicKeys: readonly Uint8Array[],
): Promise<Uint8Array> {
  tree.blankPath(leafIndex);
  let above: number | undefined;
  for (let i = steps.length - 1; i >= 0; i--) {
    const node = steps[i]?.node ?? 0;
    const hash = above === undefined ? new Uint8Array() : await parentHash(env.suite, tree, node, above, env.pause);
    tree.setParent(node, { publicKey: publicKeys[i] ?? new Uint8Array(), parentHash: hash, unmergedLeaves: [] });
    above = node;
  }
  return above === undefined ? new Uint8Array() : parentHash(env.suite, tree, leafNode(leafIndex), above, env.pause);
}

async function freshLeaf(
  env: Environment,
  state: GroupState,
  context: GroupContext,
  hash: Uint8Array,
): Promise<{ leaf: LeafNode; privateKey: Uint8Array }> {
  const pair = await freshKeyPair(env.suite);
  const before = state.tree.leaf(state.ownLeaf);
  const content: LeafContent = {
    encryptionKey: pair.publicKey,
    signatureKey: env.signer.signatureKey.publicKey,
    credential: env.signer.credential,
    capabilities: before?.capabilities ?? ownCapabilities(env.suite, env.signer.credential),
    source: { kind: "commit", parentHash: hash },
    extensions: before?.extensions ?? [],
  };
  const unsigned = encodeUnsignedLeaf(content);
  const toBeSigned = leafToBeSigned(unsigned, content.source, context.groupId, state.ownLeaf);
  const signature = await sign(env.suite, env.signer.signatureKey.privateKey, "LeafNodeTBS", toBeSigned);
  return { leaf: signedLeaf(content, unsigned, signature), privateKey: pair.privateKey };
}

function* recipients(tree: RatchetTree, copath: readonly number[], added: ReadonlySet<number>): Generator<Uint8Array> {
  for (const node of copath) {
    const key = tree.publicKey(node);
    if (key !== undefined && !added.has(node)) yield key;
  }
}

async function ownPathSecret(
  suite: Suite,
  state: GroupState,
  tree: RatchetTree,
  step: PathStep | undefined,
  node: UpdatePathNode | undefined,
  info: Uint8Array,
  added: ReadonlySet<number>,
): Promise<Uint8Array> {
  const usable = survivingKeys(state, tree);
  const candidates = step?.copath.filter((n) => !added.has(n)) ?? [];
  const index = candidates.findIndex((n) => usable.has(n));
  const key = usable.get(candidates[index] ?? -1);
  const ciphertext = node?.pathSecrets[index];
  must(key !== undefined && ciphertext !== undefined, "invalid_commit", "An update path holds nothing for this member");
  const secret = await decryptFrom(suite, key, "UpdatePathNode", info, ciphertext);
  must(secret !== undefined && secret.length === suite.kdf.size, "invalid_commit", "The update path can't be decrypted");
  return secret;
}
