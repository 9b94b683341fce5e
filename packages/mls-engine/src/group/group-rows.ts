import { encodePastEpoch, encodeState, encodeTreeNode, type PastEpoch } from "../epoch/state-codec.ts";
import type { GroupState } from "../epoch/group-state.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import type { RatchetType } from "../secret-tree/ratchet.ts";
import type { StoreChange } from "../store/group-store.ts";

/**
 * The rows of a group's partition. The names and the encodings of the rows are the stored format: don't change them.
 *
 * | row | content |
 * | --- | --- |
 * | `state` | the current epoch, without the tree and the message keys |
 * | `t/<node>` | a node of the current tree; not secret |
 * | `s/<epoch>` | a snapshot of an epoch's message keys, without the own ratchets |
 * | `c/<epoch>/<n>` | the changes since the snapshot, in order |
 * | `o/<epoch>/<ratchet>` | an own ratchet, advanced past all messages that may have been sent |
 * | `p/<epoch>` | a past epoch, as its difference from the next one |
 * | `proposals` | pending proposals |
 * | `discarded` | hashes of own commits of this epoch that were discarded |
 * | `pending` | an own commit that is not confirmed, with the rows of the epoch that it begins |
 * | `outdated` | present if keys of the epoch may have been used although this state shows them as unused; an own commit removes it |
 * | `removed` | in place of all rows above: the epoch that this member was removed in |
 * | `u/<key>` | a row of the application |
 */
export const STATE = "state";
export const PROPOSALS = "proposals";
export const PENDING = "pending";
export const DISCARDED = "discarded";
export const OUTDATED = "outdated";
export const REMOVED = "removed";
export const TREE_PREFIX = "t/";
export const PAST_PREFIX = "p/";
const USER_PREFIX = "u/";

function treeKey(node: number): string {
  return `${TREE_PREFIX}${node}`;
}

export function secretsKey(epoch: bigint): string {
  return `s/${epoch}`;
}

export function ownKey(epoch: bigint, type: RatchetType): string {
  return `o/${epoch}/${type}`;
}

export function changePrefix(epoch: bigint): string {
  return `c/${epoch}/`;
}

export function changeKey(epoch: bigint, index: number): string {
  return `c/${epoch}/${index}`;
}

export function pastKey(epoch: bigint): string {
  return `${PAST_PREFIX}${epoch}`;
}

export function userKey(key: string): string {
  return `${USER_PREFIX}${key}`;
}

/** The keys of the application's rows, without the prefix. */
export function userKeys(keys: readonly string[]): string[] {
  return keys.map((key) => key.slice(USER_PREFIX.length));
}

/**
 * The rows of a state that differ from the previous one. Unchanged tree nodes are identical objects, so a commit in a tree with filled paths
 * writes O(log n) rows.
 */
export function stateRows(next: GroupState, before: RatchetTree | undefined): StoreChange[] {
  const rows: StoreChange[] = [{ key: STATE, value: encodeState(next) }];
  const after = next.tree.nodes;
  const old = before?.nodes ?? [];
  for (let node = 0; node < Math.max(after.length, old.length); node++) {
    const value = after[node];
    if (value === old[node]) continue;
    rows.push({ key: treeKey(node), value: value && encodeTreeNode(value), isPublic: true });
  }
  return rows;
}

export function pastRow(past: PastEpoch, next: RatchetTree): StoreChange {
  return { key: pastKey(past.context.epoch), value: encodePastEpoch(past, next) };
}
