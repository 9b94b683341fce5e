import { shownIdentity, type MlsCredential } from "../credential.ts";
import { MlsError } from "../errors.ts";
import { equalBytes, keyOf } from "./codec.ts";
import type { Environment } from "./environment.ts";
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
  const holders = new Map<string, number>();
  const changed: MlsCredential[] = [];
  for (const [index, leaf] of leaves) {
    const name = nameOf(leaf.credential);
    holders.set(name, (holders.get(name) ?? 0) + 1);
    if (!isSameParty(before.leaf(index), leaf)) changed.push(leaf.credential);
  }
  for (const credential of changed) if ((holders.get(nameOf(credential)) ?? 0) > 1) throw identityTaken(credential);
}

/** Checks that no other member of a group that is joined has the identity of this one. @throws MlsError `identity_taken` */
export function checkOwnIdentity(env: Environment, tree: RatchetTree, ownLeaf: number): void {
  if (env.limits.uniqueIdentities !== true) return;
  const own = nameOf(env.signer.credential);
  for (const [index, { credential }] of tree.leaves()) {
    if (index !== ownLeaf && nameOf(credential) === own) throw identityTaken(credential);
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

  #namesOf({ credential, signatureKey }: LeafNode): string[] {
    const key = `key:${keyOf(signatureKey)}`;
    return this.#isUnique ? [key, `identity:${nameOf(credential)}`] : [key];
  }
}

/** One text per identity. */
function nameOf({ type, content }: MlsCredential): string {
  return `${type}:${keyOf(content)}`;
}

function isSameParty(before: LeafNode | undefined, after: LeafNode): boolean {
  if (before === undefined) return false;
  return nameOf(before.credential) === nameOf(after.credential) && equalBytes(before.signatureKey, after.signatureKey);
}

function identityTaken(credential: MlsCredential): MlsError {
  return new MlsError("identity_taken", `The identity ${shownIdentity(credential)} belongs to another member's signature key`);
}
