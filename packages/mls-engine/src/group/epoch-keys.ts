import type { MessageCrypto } from "../crypto/mls-crypto.ts";
import type { GroupContext } from "../codec/structures.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { MlsError } from "../errors.ts";
import type { MessageEpoch } from "../framing/message-epoch.ts";
import type { MessageKey } from "../secret-tree/message-key.ts";
import type { Ratchet, RatchetType } from "../secret-tree/ratchet.ts";
import type { SecretTree } from "../secret-tree/secret-tree.ts";
import type { SendLease } from "../secret-tree/send-lease.ts";
import { decodeSnapshot, encodeSnapshot } from "../secret-tree/snapshot.ts";
import { changeKey, changePrefix, ownKey, secretsKey } from "./group-rows.ts";
import type { StoreChange, StorePartition } from "../store/group-store.ts";

/** Changes are folded into a new snapshot when they take more room than several of it, and than this. */
const FOLD_BYTES = 8192;
const FOLD_FACTOR = 4;

/** What the public side of an epoch is for its messages. */
export interface EpochView {
  readonly context: GroupContext;
  readonly encodedContext: Uint8Array;
  readonly senderDataSecret: Uint8Array;
  readonly tree: RatchetTree;
}

/** How much of an epoch's keys is stored as what. */
interface Stored {
  changes: number;
  changeBytes: number;
  snapshotBytes: number;
}

/**
 * The message keys of one epoch together with how they are stored: a snapshot, the changes since, and apart from both the own ratchets,
 * whose rows are replaced. So the disk never holds a secret that leads to a message sent from here.
 */
export class EpochKeys {
  readonly messages: MessageEpoch;
  readonly view: EpochView;
  readonly #tree: SecretTree;
  readonly #stored: Stored;
  readonly #leases: Partial<Record<RatchetType, SendLease>> = {};

  private constructor(crypto: MessageCrypto, view: EpochView, tree: SecretTree, stored: Stored) {
    this.#tree = tree;
    this.view = view;
    this.#stored = stored;
    this.messages = {
      crypto,
      tree,
      groupId: view.context.groupId,
      epoch: view.context.epoch,
      groupContext: view.encodedContext,
      senderDataSecret: view.senderDataSecret,
      signaturePublicKey: (leaf) => view.tree.leaf(leaf)?.signatureKey,
    };
  }

  /** Those of an epoch that starts, with keys for the first messages, and the rows that keep them. */
  static start(crypto: MessageCrypto, view: EpochView, tree: SecretTree, lease: number): { keys: EpochKeys; rows: StoreChange[] } {
    const keys = new EpochKeys(crypto, view, tree, { changes: 0, changeBytes: 0, snapshotBytes: 0 });
    const rows = [...keys.lease("application", lease).rows, ...keys.lease("handshake", 1).rows, keys.#snapshotRow()];
    return { keys, rows };
  }

  /** Those of a stored epoch. Throws MlsError `state_damaged`. */
  static load(crypto: MessageCrypto, view: EpochView, partition: StorePartition, restore: (snapshot: Uint8Array) => SecretTree): EpochKeys {
    const { epoch } = view.context;
    const row = (key: string): Uint8Array => {
      const value = partition.get(key);
      if (value === undefined) throw new MlsError("state_damaged", "Message keys of a group are missing");
      return value;
    };
    const snapshot = row(secretsKey(epoch));
    const tree = restore(snapshot);
    // What the snapshot has for the own ratchets is nothing; without these rows, keys would follow that anybody can guess.
    tree.apply(row(ownKey(epoch, "application")));
    tree.apply(row(ownKey(epoch, "handshake")));
    const changes = partition.keys(changePrefix(epoch)).length;
    let changeBytes = 0;
    for (let i = 0; i < changes; i++) {
      const change = row(changeKey(epoch, i));
      changeBytes += change.length;
      tree.apply(change);
    }
    return new EpochKeys(crypto, view, tree, { changes, changeBytes, snapshotBytes: snapshot.length });
  }

  /** What is left of the last lease, to send with. */
  leased(type: RatchetType): SendLease | undefined {
    const lease = this.#leases[type];
    return lease && lease.remaining > 0 ? lease : undefined;
  }

  /** Takes keys for the next own messages. The rows must be durable before the first is used. */
  lease(type: RatchetType, count: number): { lease: SendLease; rows: StoreChange[] } {
    const { change, lease } = this.#tree.leaseSend(type, count);
    this.#leases[type]?.erase();
    this.#leases[type] = lease;
    return { lease, rows: [{ key: ownKey(this.view.context.epoch, type), value: change }] };
  }

  /** The first generation that no message from here was sent with, neither in this process nor in an earlier one. */
  nextUnused(type: RatchetType): number {
    return this.leased(type)?.next ?? this.#tree.nextOwn(type);
  }

  /**
   * The key of an own generation that was not used from here, to see whether a message uses it; the caller erases it.
   *
   * @throws MlsError `generation_too_far`
   */
  peekUnused(type: RatchetType, generation: number): MessageKey {
    return this.leased(type)?.peek(generation) ?? this.#tree.peekOwn(type, generation);
  }

  /** The rows that keep a change which the tree has gone through just now. */
  record(change: Uint8Array): StoreChange[] {
    const { epoch } = this.view.context;
    const stored = this.#stored;
    stored.changeBytes += change.length;
    if (stored.changeBytes > Math.max(FOLD_BYTES, FOLD_FACTOR * stored.snapshotBytes)) return this.fold();
    return [{ key: changeKey(epoch, stored.changes++), value: change }];
  }

  /** Replaces snapshot and changes by what is left of the keys, so that nothing stored leads to a message that was read. */
  fold(): StoreChange[] {
    if (this.#stored.changeBytes === 0) return [];
    const dropped = this.#dropChanges();
    this.#stored.changes = 0;
    this.#stored.changeBytes = 0;
    return [this.#snapshotRow(), ...dropped];
  }

  /** Removes what is stored. */
  drop(): StoreChange[] {
    const { epoch } = this.view.context;
    const keys = [secretsKey(epoch), ownKey(epoch, "application"), ownKey(epoch, "handshake")];
    return [...keys.map((key) => ({ key, value: undefined })), ...this.#dropChanges()];
  }

  /** Erases the keys to send with, at the end of the epoch. */
  stopSending(): void {
    for (const lease of Object.values(this.#leases)) lease.erase();
  }

  erase(): void {
    this.stopSending();
    this.#tree.erase();
  }

  #snapshotRow(): StoreChange {
    const value = othersOnly(this.messages.crypto, this.#tree.snapshot());
    this.#stored.snapshotBytes = value.length;
    return { key: secretsKey(this.view.context.epoch), value };
  }

  #dropChanges(): StoreChange[] {
    const { epoch } = this.view.context;
    return Array.from({ length: this.#stored.changes }, (_, i) => ({ key: changeKey(epoch, i), value: undefined }));
  }
}

/** A snapshot without the own ratchets. */
function othersOnly(crypto: MessageCrypto, snapshot: Uint8Array): Uint8Array {
  const state = decodeSnapshot(crypto, snapshot);
  const none = (): Ratchet => ({ next: 0, secret: new Uint8Array(crypto.hashLength), skipped: new Map() });
  const own = state.leaves.get(state.ownLeaf);
  for (const ratchet of own ? [own.application, own.handshake] : []) ratchet.secret.fill(0);
  state.leaves.set(state.ownLeaf, { application: none(), handshake: none() });
  snapshot.fill(0);
  return encodeSnapshot(crypto, state);
}
