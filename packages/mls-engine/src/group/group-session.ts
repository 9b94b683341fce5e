import { ParleyError } from "@parley/core";
import type { Environment } from "../epoch/environment.ts";
import type { EpochStart, GroupState } from "../epoch/group-state.ts";
import { secretsOf } from "../key-schedule/key-schedule.ts";
import { erase } from "../crypto/labels.ts";
import type { PastEpoch } from "../epoch/state-codec.ts";
import type { PskId } from "../codec/structures.ts";
import { equalBytes } from "../codec/codec.ts";
import type { MlsCrypto } from "../crypto/mls-crypto.ts";
import { EpochKeys } from "./epoch-keys.ts";
import { DISCARDED, OUTDATED, pastKey, pastRow, PENDING, PROPOSALS, stateRows } from "./group-rows.ts";
import type { MlsLimits } from "../engine/limits.ts";
import type { PaddingBuckets } from "../framing/padding.ts";
import { SecretTree } from "../secret-tree/secret-tree.ts";
import type { PendingRecord } from "./pending-codec.ts";
import type { Durability, StoreChange, StorePartition } from "../store/group-store.ts";

/** What all groups of an engine share. */
export interface GroupContextOptions {
  readonly crypto: MlsCrypto;
  readonly limits: MlsLimits;
  readonly padding: PaddingBuckets | undefined;
  readonly handshakes: "private" | "public";
  readonly environment: (findResumption: (id: PskId) => Uint8Array | undefined) => Environment;
}

/** An epoch that a group has been in, and still reads messages of. */
export interface KeptEpoch {
  readonly epoch: PastEpoch;
  readonly keys: EpochKeys;
}

/** The next epoch of a group, in memory. */
export interface NextEpochState {
  readonly state: GroupState;
  readonly keys: EpochKeys;
}

/** An own commit whose order isn't known. After a restart its epoch is on disk only. */
export interface Pending extends PendingRecord {
  readonly next: NextEpochState | undefined;
  /** Whether it was staged to replace keys that may have been used: no earlier process can have sent in the epoch that it starts. */
  readonly endsOutdated: boolean;
}

/** A group as it was stored. */
export interface LoadedGroup extends NextEpochState {
  readonly past: Map<bigint, KeptEpoch>;
  readonly pending: Pending | undefined;
  readonly discarded: readonly Uint8Array[];
  readonly isOutdated: boolean;
}

/** What a group holds in memory, and the steps that change it. Callers see to it that there is one step at a time. */
export class GroupSession {
  readonly options: GroupContextOptions;
  readonly partition: StorePartition;
  readonly env: Environment;
  state: GroupState;
  keys: EpochKeys;
  past: Map<bigint, KeptEpoch>;
  pending: Pending | undefined;
  /** Hashes of own commits of this epoch that were discarded. */
  discarded: readonly Uint8Array[];
  /** Whether keys may have been used that this state shows as unused, so that nothing must be sent with keys of this epoch. */
  isOutdated: boolean;
  /** Why the store could not be written. Keys that it should hold are in memory then, and must not be used. */
  failure: Error | undefined;

  constructor(options: GroupContextOptions, partition: StorePartition, loaded: LoadedGroup) {
    this.options = options;
    this.partition = partition;
    this.state = loaded.state;
    this.keys = loaded.keys;
    this.past = loaded.past;
    this.pending = loaded.pending;
    this.discarded = loaded.discarded;
    this.isOutdated = loaded.isOutdated;
    this.env = options.environment((id) => this.#resumption(id));
  }

  get epoch(): bigint {
    return this.state.context.epoch;
  }

  /** The keys of an epoch that a commit leads to, and all rows that make it the current one. */
  prepare(start: EpochStart, commitHash: Uint8Array): { next: NextEpochState; rows: StoreChange[] } {
    const { state } = start;
    const { keys, rows: keyRows } = startKeys(this.options, start);
    const rows = [...stateRows(state, this.state.tree), ...keyRows];
    if (this.options.limits.retainEpochs > 0) rows.push(pastRow(pastOf(this.state, commitHash), state.tree));
    return { next: { state, keys }, rows };
  }

  /** Rows that go or shrink when another epoch starts: of epochs that are kept no longer, of own commits, of keys that were used. */
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

  /** Goes on to the next epoch, after it is stored, and erases what it replaces. */
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

  /** Everything that leads to messages, in memory. */
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

  /** Stores rows. Where that fails, what is in memory may not be what is on disk, and the group can't go on. */
  write(rows: readonly StoreChange[], durability: Durability): Promise<void> {
    return this.#orFail(this.partition.write(rows, durability));
  }

  /** Sends nothing more before an own commit has replaced the keys; also after a restart. */
  async markOutdated(): Promise<void> {
    if (this.isOutdated) return;
    this.isOutdated = true;
    await this.write([{ key: OUTDATED, value: new Uint8Array() }], "durable");
  }

  /** The keys have been replaced, which is stored. */
  async endOutdated(): Promise<void> {
    this.isOutdated = false;
    await this.#orFail(this.partition.acknowledgeCut?.() ?? Promise.resolve());
  }

  /** Makes everything durable, and leaves nothing on disk that was replaced. */
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

  hash(bytes: Uint8Array): Promise<Uint8Array> {
    return this.env.suite.hash.digest(bytes);
  }

  #expired(): KeptEpoch[] {
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
  { crypto, limits }: Pick<GroupContextOptions, "crypto" | "limits">,
  { state, encryptionSecret }: EpochStart,
): { keys: EpochKeys; rows: StoreChange[] } {
  const tree = SecretTree.create(crypto.messages, encryptionSecret, state.tree.leafCount, state.ownLeaf, limits);
  return EpochKeys.start(crypto.messages, viewOf(state), tree, limits.sendLease);
}

export function viewOf(state: GroupState): EpochKeys["view"] {
  return {
    context: state.context,
    encodedContext: state.encodedContext,
    senderDataSecret: state.secrets.senderDataSecret,
    tree: state.tree,
  };
}

function pastOf(state: GroupState, commitHash: Uint8Array): PastEpoch {
  return {
    context: state.context,
    encodedContext: state.encodedContext,
    senderDataSecret: state.secrets.senderDataSecret,
    resumptionPsk: state.secrets.resumptionPsk,
    ownLeaf: state.ownLeaf,
    commitHash,
    tree: state.tree,
  };
}

/** Erases the secrets of a state that another doesn't share. */
function eraseLeft(before: GroupState, after: GroupState, keepsMessages: boolean): void {
  const { senderDataSecret, resumptionPsk } = before.secrets;
  for (const secret of secretsOf(before.secrets)) {
    if (!keepsMessages || (secret !== senderDataSecret && secret !== resumptionPsk)) erase(secret);
  }
  const kept = new Set(after.privateKeys.values());
  for (const key of before.privateKeys.values()) if (!kept.has(key)) erase(key);
}
