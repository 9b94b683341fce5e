import { equalBytes } from "../codec/bytes.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { erase } from "../crypto/labels.ts";
import { ParleyError } from "@parley/core";
import type { Environment } from "../epoch/environment.ts";
import type { EpochStart, GroupState } from "../epoch/group-state.ts";
import { secretsOf } from "../key-schedule/key-schedule.ts";
import type { PastEpoch } from "../epoch/state-codec.ts";
import type { PskId } from "../codec/structures.ts";
import { EpochKeys } from "./epoch-keys.ts";
import { DISCARDED, OUTDATED, pastKey, pastRow, PENDING, PROPOSALS, stateRows } from "./group-rows.ts";
import type { MlsLimits } from "../engine/limits.ts";
import type { PaddingBuckets } from "../framing/padding.ts";
import { SecretTree } from "../secret-tree/secret-tree.ts";
import type { PendingRecord } from "./pending-codec.ts";
import type { Durability, StoreChange, StorePartition } from "../store/group-store.ts";

/** The options that all groups of an engine share. */
export interface SessionOptions {
  readonly suite: CipherSuite;
  readonly limits: MlsLimits;
  readonly padding: PaddingBuckets | undefined;
  readonly handshakes: "private" | "public";
  readonly environment: (findResumption: (id: PskId) => Uint8Array | undefined) => Environment;
}

/** A past epoch whose late messages are still accepted. */
export interface RetainedEpoch {
  readonly epoch: PastEpoch;
  readonly keys: EpochKeys;
}

/** The next epoch of a group, in memory. */
export interface NextEpochState {
  readonly state: GroupState;
  readonly keys: EpochKeys;
}

/** An own commit that is staged and not confirmed. */
export interface Pending extends PendingRecord {
  /** `undefined` after a restart: then it is loaded from the rows when the commit is confirmed. */
  readonly next: NextEpochState | undefined;
  /** Whether it was staged while an update was required. Only such a commit meets the requirement: no other copy of the state can have staged it. */
  readonly replacesKeys: boolean;
}

/** A group as it was loaded from the store. */
export interface LoadedGroup extends NextEpochState {
  readonly past: Map<bigint, RetainedEpoch>;
  readonly pending: Pending | undefined;
  readonly discarded: readonly Uint8Array[];
  readonly needsUpdate: boolean;
}

/**
 * The state of an open group in memory, and its rows in the store. `MlsGroup` runs one step at a time on it.
 *
 * Every step writes first and changes the memory afterwards. If a write fails, the memory may be behind or ahead of the disk: {@link failure} is
 * set, and the group rejects every further step.
 */
export class GroupSession {
  readonly options: SessionOptions;
  readonly partition: StorePartition;
  readonly env: Environment;
  state: GroupState;
  keys: EpochKeys;
  past: Map<bigint, RetainedEpoch>;
  pending: Pending | undefined;
  /** Hashes of own commits of this epoch that were discarded. */
  discarded: readonly Uint8Array[];
  /** Whether keys may have been used although this state shows them as unused. Then no key of this epoch may be used to send. */
  needsUpdate: boolean;
  /** The error of a failed write. */
  failure: Error | undefined;

  constructor(options: SessionOptions, partition: StorePartition, loaded: LoadedGroup) {
    this.options = options;
    this.partition = partition;
    this.state = loaded.state;
    this.keys = loaded.keys;
    this.past = loaded.past;
    this.pending = loaded.pending;
    this.discarded = loaded.discarded;
    this.needsUpdate = loaded.needsUpdate;
    this.env = options.environment((id) => this.#resumption(id));
  }

  get epoch(): bigint {
    return this.state.context.epoch;
  }

  /** The message keys of the epoch that a commit begins, and the rows that make it the current one. */
  prepare(start: EpochStart, commitHash: Uint8Array): { next: NextEpochState; rows: StoreChange[] } {
    const { state } = start;
    const { keys, rows: keyRows } = startKeys(this.options, start);
    const rows = [...stateRows(state, this.state.tree), ...keyRows];
    if (this.options.limits.retainEpochs > 0) rows.push(pastRow(pastOf(this.state, commitHash), state.tree));
    return { next: { state, keys }, rows };
  }

  /** The changes that remove what the next epoch makes obsolete: expired epochs, consumed keys, pending proposals and commits. */
  expire(): StoreChange[] {
    const rows: StoreChange[] = [];
    for (const { epoch, keys } of this.#expired()) rows.push({ key: pastKey(epoch.context.epoch), value: undefined }, ...keys.drop());
    const kept = [...this.past.values()].filter((past) => !this.#expired().includes(past));
    for (const { keys } of kept) rows.push(...keys.fold());
    rows.push(...(this.options.limits.retainEpochs === 0 ? this.keys.drop() : this.keys.fold()));
    if (this.state.proposals.size > 0) rows.push({ key: PROPOSALS, value: undefined });
    if (this.discarded.length > 0) rows.push({ key: DISCARDED, value: undefined });
    if (this.pending) rows.push({ key: PENDING, value: undefined });
    return rows;
  }

  /** Makes the next epoch the current one, and erases the secrets that it replaces. Called after the rows are stored. */
  advance(next: NextEpochState, commitHash: Uint8Array): void {
    for (const { epoch, keys } of this.#expired()) {
      keys.erase();
      erase(epoch.senderDataSecret, epoch.resumptionPsk);
      this.past.delete(epoch.context.epoch);
    }
    const before = this.state;
    const keep = this.options.limits.retainEpochs > 0;
    this.keys.stopSending();
    if (keep) this.past.set(this.epoch, { epoch: pastOf(before, commitHash), keys: this.keys });
    else this.keys.erase();
    if (this.pending && this.pending.next !== next) this.erasePending();
    this.pending = undefined;
    this.discarded = [];
    this.state = next.state;
    this.keys = next.keys;
    eraseLeft(before, next.state, keep);
  }

  erasePending(): void {
    const { pending } = this;
    if (!pending) return;
    for (const row of pending.rows) row.value?.fill(0);
    if (pending.next) {
      pending.next.keys.erase();
      eraseLeft(pending.next.state, this.state, false);
    }
    this.pending = undefined;
  }

  /** Erases all secrets in memory. */
  eraseAll(): void {
    this.erasePending();
    this.keys.erase();
    for (const { keys, epoch } of this.past.values()) {
      keys.erase();
      erase(epoch.senderDataSecret, epoch.resumptionPsk);
    }
    this.past.clear();
    erase(...secretsOf(this.state.secrets), ...this.state.privateKeys.values());
  }

  /** Writes rows. A failure ends the use of the session. @throws StoreError */
  write(rows: readonly StoreChange[], durability: Durability): Promise<void> {
    return this.#orFail(this.partition.write(rows, durability));
  }

  /** Requires an update before the group sends again. It is stored, so the requirement survives restarts. */
  async requireUpdate(): Promise<void> {
    if (this.needsUpdate) return;
    this.needsUpdate = true;
    await this.write([{ key: OUTDATED, value: new Uint8Array() }], "durable");
  }

  /** Ends the requirement, after a commit that replaced the keys was stored. */
  async acknowledgeUpdate(): Promise<void> {
    this.needsUpdate = false;
    await this.#orFail(this.partition.acknowledgeCut?.() ?? Promise.resolve());
  }

  /** Makes all writes durable, and erases replaced secrets from the disk. */
  compact(): Promise<void> {
    return this.#orFail(this.partition.compact());
  }

  async #orFail(writing: Promise<void>): Promise<void> {
    try {
      await writing;
    } catch (error) {
      if (!(error instanceof TypeError)) this.failure = ParleyError.from(error);
      throw error;
    }
  }

  hash(bytes: Uint8Array): Uint8Array {
    return this.env.suite.hash(bytes);
  }

  #expired(): RetainedEpoch[] {
    const { retainEpochs } = this.options.limits;
    return [...this.past.values()].filter(({ epoch }) => epoch.context.epoch + BigInt(retainEpochs) <= this.epoch);
  }

  #resumption(id: PskId): Uint8Array | undefined {
    if (id.kind !== "resumption" || !equalBytes(id.groupId, this.state.context.groupId)) return undefined;
    if (id.epoch === this.epoch) return this.state.secrets.resumptionPsk;
    return this.past.get(id.epoch)?.epoch.resumptionPsk;
  }
}

/** The message keys of a new epoch. */
export function startKeys(
  { suite, limits }: Pick<SessionOptions, "suite" | "limits">,
  { state, encryptionSecret }: EpochStart,
): { keys: EpochKeys; rows: StoreChange[] } {
  const tree = SecretTree.create(suite, encryptionSecret, state.tree.leafCount, state.ownLeaf, limits);
  return EpochKeys.start(suite, viewOf(state), tree, limits.sendLease);
}

export function viewOf({ context, encodedContext, secrets, tree }: GroupState): EpochKeys["view"] {
  return { context, encodedContext, senderDataSecret: secrets.senderDataSecret, tree };
}

function pastOf(state: GroupState, commitHash: Uint8Array): PastEpoch {
  return { ...viewOf(state), resumptionPsk: state.secrets.resumptionPsk, ownLeaf: state.ownLeaf, commitHash };
}

/** Erases the secrets of a state that the next one doesn't share. */
function eraseLeft(before: GroupState, after: GroupState, keepsMessages: boolean): void {
  const { senderDataSecret, resumptionPsk } = before.secrets;
  for (const secret of secretsOf(before.secrets)) {
    if (!keepsMessages || (secret !== senderDataSecret && secret !== resumptionPsk)) erase(secret);
  }
  const kept = new Set(after.privateKeys.values());
  for (const key of before.privateKeys.values()) if (!kept.has(key)) erase(key);
}
