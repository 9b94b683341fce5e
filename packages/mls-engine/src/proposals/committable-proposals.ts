import { bytesOfKey } from "../codec/bytes.ts";
import type { Environment } from "../epoch/environment.ts";
import type { GroupState } from "../epoch/group-state.ts";
import type { KeyPackage } from "../join/key-package.ts";
import { NamesInUse } from "../tree/unique-identities.ts";

/** The changes of an own commit apart from the pending proposals. */
interface OwnChanges {
  readonly removed: readonly number[];
  readonly added: readonly KeyPackage[];
}

/**
 * Selects the pending proposals for an own commit, so that it is valid ([RFC 9420 §12.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.2)):
 * the last Update of each member, none of a member that is removed, and no Add or Update with a signature key or identity that is in use.
 *
 * A single invalid proposal would make the commit invalid, so a member could block all commits by sending one. It is left out instead.
 */
export function committableProposals(
  env: Environment,
  state: GroupState,
  own: OwnChanges,
): { references: Uint8Array[]; removed: Set<number> } {
  const removed = new Map<number, string>();
  const updates = new Map<number, string>();
  const adds: string[] = [];
  const psks: string[] = [];
  let extensions: string | undefined;
  for (const [name, { proposal, sender }] of state.proposals) {
    if (proposal.kind === "remove") {
      if (proposal.removed !== state.ownLeaf) removed.set(proposal.removed, name);
    } else if (proposal.kind === "update") {
      if (sender !== state.ownLeaf) updates.set(sender, name);
    } else if (proposal.kind === "group_context_extensions") extensions = name;
    else if (proposal.kind === "add") adds.push(name);
    else if (proposal.kind === "psk") psks.push(name);
  }
  const gone = new Set([...removed.keys(), ...own.removed]);
  for (const leaf of gone) updates.delete(leaf);
  const isFree = nameCheck(env, state, gone, own, adds.length + updates.size > 0);
  const chosen = [...[...updates.values()].filter(isFree), ...removed.values(), ...adds.filter(isFree), ...psks];
  const names = extensions === undefined ? chosen : [...chosen, extensions];
  return { references: names.map(bytesOfKey), removed: new Set(removed.keys()) };
}

/** A check whether the leaf of a pending proposal, by reference, has a key and identity that are not in use. Accepted ones are in use then. */
function nameCheck(
  env: Environment,
  state: GroupState,
  gone: ReadonlySet<number>,
  own: OwnChanges,
  isNeeded: boolean,
): (name: string) => boolean {
  const names = new NamesInUse(env);
  // Collecting the names of all members is O(n). Usually no additions or updates are pending, and it is skipped.
  for (const [index, leaf] of isNeeded ? state.tree.leaves() : []) if (!gone.has(index)) names.add(leaf);
  for (const { leaf } of own.added) names.add(leaf);
  return (name) => {
    const pending = state.proposals.get(name);
    if (pending?.proposal.kind === "add") return names.tryReplace(undefined, pending.proposal.keyPackage.leaf);
    if (pending?.proposal.kind === "update") return names.tryReplace(state.tree.leaf(pending.sender), pending.proposal.leaf);
    return false;
  };
}
