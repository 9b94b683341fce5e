import { decodeWhole } from "../codec/reader.ts";
import { leafNode } from "../tree/tree-math.ts";
import { decodePastEpoch, decodeProposals, decodeState, decodeTreeNode, type PastEpochRecord } from "../epoch/state-codec.ts";
import type { GroupState } from "../epoch/group-state.ts";
import { RatchetTree, type TreeNode } from "../tree/ratchet-tree.ts";
import { EpochKeys } from "./epoch-keys.ts";
import { MlsEngineError } from "../errors.ts";
import { DISCARDED, OUTDATED, PAST_PREFIX, PENDING, PROPOSALS, STATE, TREE_PREFIX } from "./group-rows.ts";
import { GroupSession, viewOf, type SessionOptions, type RetainedEpoch } from "./group-session.ts";
import { SecretTree } from "../secret-tree/secret-tree.ts";
import { decodePending } from "./pending-codec.ts";
import type { StorePartition } from "../store/group-store.ts";

const MAX_DISCARDED = 64;

/** Loads a group from its partition; `undefined` if the partition holds no group. @throws MlsEngineError `state_damaged` */
export function loadSession(options: SessionOptions, partition: StorePartition): GroupSession | undefined {
  const stored = partition.get(STATE);
  if (stored === undefined) return undefined;
  try {
    const state = loadState(partition, stored);
    const restore = (snapshot: Uint8Array): SecretTree => SecretTree.restore(options.suite, snapshot, options.limits);
    const keys = EpochKeys.load(options.suite, viewOf(state), partition, restore);
    const past = loadPast(options, partition, state, restore);
    const pendingBytes = partition.get(PENDING);
    // A commit of an earlier process. Its next epoch is not in memory, so confirming it loads the epoch from the stored rows. It is unknown
    // whether it was staged before or after a loss of keys, so it does not end `needsUpdate`.
    const pending = pendingBytes && { ...decodePending(pendingBytes), next: undefined, replacesKeys: false };
    const discarded = partition.get(DISCARDED);
    const hashes = discarded ? decodeWhole(discarded, (r) => r.list((hash) => hash.vector(), MAX_DISCARDED)) : [];
    // Set if rows were lost (`wasCut`), or if an earlier process has detected it: keys that are unused in this state may have been used.
    const needsUpdate = partition.wasCut === true || partition.get(OUTDATED) !== undefined;
    return new GroupSession(options, partition, { state, keys, past, pending, discarded: hashes, needsUpdate });
  } catch (cause) {
    if (cause instanceof MlsEngineError && cause.code === "state_damaged") throw cause;
    if (cause instanceof MlsEngineError) throw damaged("The stored state of the group is damaged", cause);
    throw cause;
  }
}

function loadState(partition: StorePartition, stored: Uint8Array): GroupState {
  const { state, leafCount } = decodeState(stored);
  const nodes: (TreeNode | undefined)[] = [];
  for (const key of partition.keys(TREE_PREFIX)) {
    const value = partition.get(key);
    if (value) nodes[Number(key.slice(TREE_PREFIX.length))] = decodeTreeNode(value);
  }
  const proposals = partition.get(PROPOSALS);
  return { ...state, tree: RatchetTree.of(nodes, leafCount), proposals: proposals ? decodeProposals(proposals) : new Map() };
}

/** Loads the past epochs, from the last one backwards: each is stored as its difference from the next one. */
function loadPast(
  options: SessionOptions,
  partition: StorePartition,
  state: GroupState,
  restore: (snapshot: Uint8Array) => SecretTree,
): Map<bigint, RetainedEpoch> {
  const records = partition
    .keys(PAST_PREFIX)
    .map((key) => decodePastEpoch(partition.get(key) ?? new Uint8Array()))
    .toSorted((a, b) => (a.context.epoch < b.context.epoch ? 1 : -1));
  const past: [bigint, RetainedEpoch][] = [];
  let tree = state.tree;
  for (const record of records) {
    tree = leavesBefore(record, tree);
    const epoch = { ...record, tree };
    const keys = EpochKeys.load(options.suite, { ...record, tree }, partition, restore);
    past.push([record.context.epoch, { epoch, keys }]);
  }
  return new Map(past.toReversed());
}

/** The tree of a past epoch. Only its leaves are exact: its messages need the signature keys of their senders, and no parent node. */
function leavesBefore({ leafCount, leaves }: PastEpochRecord, next: RatchetTree): RatchetTree {
  const nodes = next.nodes.slice(0, 2 * leafCount - 1);
  for (const [leaf, node] of leaves) nodes[leafNode(leaf)] = node && { kind: "leaf", ...node };
  return RatchetTree.of(nodes, leafCount);
}

function damaged(message: string, cause?: unknown): MlsEngineError {
  return new MlsEngineError("state_damaged", message, cause === undefined ? {} : { cause });
}
