import { encodePastEpoch, encodeState, encodeTreeNode, type PastEpoch } from "../epoch/state-codec.ts";
import type { GroupState } from "../epoch/group-state.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import type { RatchetType } from "../secret-tree/ratchet.ts";
import type { StoreChange } from "../store/group-store.ts";

/**
 * How a group lies in its partition:
 *
 * | row | content |
 * | --- | --- |
 * | `state` | the current epoch, but for the tree and message keys |
 * | `t/<node>` | a node of the current tree; public |
 * | `s/<epoch>` | the snapshot of an epoch's message keys, other than the own |
 * | `c/<epoch>/<n>` | what changed since, in order |
 * | `o/<epoch>/<ratchet>` | an own ratchet, behind all messages that may have been sent |
 * | `p/<epoch>` | an epoch that is over: what differs from the one after it |
 * | `proposals` | proposals that wait for a commit |
 * | `discarded` | hashes of own commits of this epoch that were discarded |
 * | `pending` | an own commit whose order isn't known, with the rows that it leads to |
 * | `outdated` | keys may have been used that this state shows as unused; an own commit with a path ends that |
 * | `removed` | instead of all of the above: the epoch from which on we are no member |
 * | `u/<key>` | the application's own |
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

/** The keys of the application's rows, as it knows them. */
export function userKeys(keys: readonly string[]): string[] {
  return keys.map((key) => key.slice(USER_PREFIX.length));
}

/** The rows of a state, where it differs from the one before: O(log n) after a commit in a tree whose paths are filled. */
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
