import { equalBytes, keyOf } from "../codec/bytes.ts";
import { shownIdentity } from "../credentials/credential.ts";
import { MlsEngineError } from "../errors.ts";
import type { Environment } from "../epoch/environment.ts";
import type { LeafNode } from "./leaf-node.ts";
import type { RatchetTree } from "./ratchet-tree.ts";

/*
 * A rule of this package, beyond RFC 9420: within a group, an identity belongs to one signature key. Without it a member whose credential is
 * accepted could be in the group twice, and removing one of its leaves would leave the other one reading. `allowSameIdentity` disables it.
 */

/**
 * Checks that no leaf which a commit sets has the identity of another member's signature key. Members that shared an identity before the
 * commit are not reported, since groups of older versions may contain them.
 *
 * @param leaves the leaves of the tree after the commit. Only those that changed are checked.
 * @throws MlsEngineError `identity_taken`
 */
export function checkUniqueIdentities(env: Environment, before: RatchetTree, leaves: Iterable<readonly [number, LeafNode]>): void {
  if (env.limits.uniqueIdentities !== true) return;
  const after = Array.from(leaves);
  const changed = after.filter(([index, leaf]) => !isSameParty(before.leaf(index), leaf));
  if (changed.length === 0) return;
  const names = new Set<string>();
  const shared = new Set<string>();
  for (const [, leaf] of after) {
    const name = nameOf(leaf);
    if (names.has(name)) shared.add(name);
    names.add(name);
  }
  for (const [, leaf] of changed) if (shared.has(nameOf(leaf))) throw identityTaken(leaf);
}

/** Checks on joining that no other member has the identity of this one. @throws MlsEngineError `identity_taken` */
export function checkOwnIdentity(env: Environment, tree: RatchetTree, ownLeaf: number): void {
  if (env.limits.uniqueIdentities !== true) return;
  const own = tree.leaf(ownLeaf);
  for (const [index, leaf] of tree.leaves()) {
    if (own !== undefined && index !== ownLeaf && nameOf(leaf) === nameOf(own)) throw identityTaken(leaf);
  }
}

/** The signature keys and identities that are in use while the proposals for a commit are selected. */
export class NamesInUse {
  readonly #isUnique: boolean;
  readonly #counts = new Map<string, number>();

  constructor({ limits }: Environment) {
    this.#isUnique = limits.uniqueIdentities === true;
  }

  add(leaf: LeafNode): void {
    for (const name of this.#namesOf(leaf)) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Adds a leaf, or replaces another one by it. Does nothing and returns `false` if its key or identity is in use by another member. */
  tryReplace(before: LeafNode | undefined, after: LeafNode): boolean {
    const own = before === undefined ? [] : this.#namesOf(before);
    if (this.#namesOf(after).some((name) => !own.includes(name) && this.#counts.has(name))) return false;
    for (const name of own) this.#remove(name);
    this.add(after);
    return true;
  }

  #remove(name: string): void {
    const left = (this.#counts.get(name) ?? 0) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }

  #namesOf(leaf: LeafNode): string[] {
    const key = `key:${keyOf(leaf.signatureKey)}`;
    return this.#isUnique ? [key, `identity:${nameOf(leaf)}`] : [key];
  }
}

/** Leaf nodes are immutable and shared by the trees of several epochs. */
const knownNames = new WeakMap<LeafNode, string>();

/** Equal for equal credentials, compared byte by byte. */
function nameOf(leaf: LeafNode): string {
  const known = knownNames.get(leaf);
  if (known !== undefined) return known;
  const name = `${leaf.credential.type}:${keyOf(leaf.credential.content)}`;
  knownNames.set(leaf, name);
  return name;
}

function isSameParty(before: LeafNode | undefined, after: LeafNode): boolean {
  if (before === undefined || before === after) return before !== undefined;
  return nameOf(before) === nameOf(after) && equalBytes(before.signatureKey, after.signatureKey);
}

function identityTaken({ credential }: LeafNode): MlsEngineError {
  return new MlsEngineError("identity_taken", `The identity ${shownIdentity(credential)} belongs to another member's signature key`);
}
