import { verifyInBackgroundWithLabel, verifyWithLabel } from "../crypto/labels.ts";
import type { Environment } from "../epoch/environment.ts";
import { leafNodeTbs, type LeafNode } from "./leaf-node.ts";

const LABEL = "LeafNodeTBS";
/** With fewer leaves, the time until another thread answers would be longer than the work. */
const MIN_SHARED = 32;
/** Signatures that are verified ahead of the leaf whose result is taken next. */
const AHEAD = 16;

/** Whether the signature of a leaf is valid ([RFC 9420 §7.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-7.2)). */
export function verifyLeaf({ suite }: Environment, leaf: LeafNode, leafIndex: number, groupId: Uint8Array): boolean {
  return verifyWithLabel(suite, leaf.signatureKey, LABEL, leafNodeTbs(leaf.unsigned, leaf.source, { groupId, leafIndex }), leaf.signature);
}

/**
 * Verifies the signatures of many leaves, in other threads if the suite has them. Yields whether each is valid, in their order; a caller that
 * finds a leaf invalid takes no further result.
 */
export function* verifyLeaves(
  env: Environment,
  leaves: readonly (readonly [number, LeafNode])[],
  groupId: Uint8Array,
): Generator<boolean | Promise<boolean>, undefined> {
  const { suite } = env;
  if (suite.verifyInBackground === undefined || leaves.length < MIN_SHARED) {
    for (const [leafIndex, leaf] of leaves) yield verifyLeaf(env, leaf, leafIndex, groupId);
    return;
  }
  const started: Promise<boolean>[] = [];
  for (const [leafIndex, leaf] of leaves) {
    const tbs = leafNodeTbs(leaf.unsigned, leaf.source, { groupId, leafIndex });
    started.push(verifyInBackgroundWithLabel(suite, leaf.signatureKey, LABEL, tbs, leaf.signature));
    const first = started.length > AHEAD ? started.shift() : undefined;
    if (first !== undefined) yield first;
  }
  yield* started;
}
