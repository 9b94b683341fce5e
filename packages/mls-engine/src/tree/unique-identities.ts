import { shownIdentity } from "../credentials/credential.ts";
import { MlsError } from "../errors.ts";
import { equalBytes, keyOf } from "../codec/codec.ts";
import type { Environment } from "../epoch/environment.ts";
import type { LeafNode } from "./leaf-node.ts";
import type { RatchetTree } from "./ratchet-tree.ts";

/**
 * Checks that the leaves which a commit sets have identities that no other member's signature key has. Members that had one identity before
 * the commit are left as they are: older groups may hold such members.
 *
 * @param leaves the leaves of the tree after the commit; only those that differ from the tree before it are checked.
 * @throws MlsError `identity_taken`
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

/** Checks that no other member of a group that is joined has the identity of this one. @throws MlsError `identity_taken` */
export function checkOwnIdentity(env: Environment, tree: RatchetTree, ownLeaf: number): void {
  if (env.limits.uniqueIdentities !== true) return;
  const own = tree.leaf(ownLeaf);
  for (const [index, leaf] of tree.leaves()) {
    if (own !== undefined && index !== ownLeaf && nameOf(leaf) === nameOf(own)) throw identityTaken(leaf);
  }
}

/** Signature keys and identities that members have, while the proposals of a commit are chosen. */
export class TakenNames {
  readonly #isUnique: boolean;
  readonly #counts = new Map<string, number>();

  constructor({ limits }: Environment) {
    this.#isUnique = limits.uniqueIdentities === true;
  }

  add(leaf: LeafNode): void {
    for (const name of this.#namesOf(leaf)) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Puts a leaf in the place of another, or in a new one. Does nothing and gives false if another member has its key or identity. */
  replace(before: LeafNode | undefined, after: LeafNode): boolean {
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

/** Leaves never change, and trees of several epochs share them. */
const knownNames = new WeakMap<LeafNode, string>();

/** One text per identity. */
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

function identityTaken({ credential }: LeafNode): MlsError {
  return new MlsError("identity_taken", `The identity ${shownIdentity(credential)} belongs to another member's signature key`);
}
