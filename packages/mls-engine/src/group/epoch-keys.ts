import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { erase } from "../crypto/labels.ts";
import type { EpochView } from "../epoch/state-codec.ts";
import { MlsEngineError } from "../errors.ts";
import type { MessageEpoch } from "../framing/message-epoch.ts";
import type { MessageKey } from "../secret-tree/message-key.ts";
import type { Ratchet, RatchetType } from "../secret-tree/ratchet.ts";
import type { SecretTree } from "../secret-tree/secret-tree.ts";
import type { SendLease } from "../secret-tree/send-lease.ts";
import { decodeSnapshot, encodeSnapshot } from "../secret-tree/snapshot.ts";
import type { StoreChange, StorePartition } from "../store/group-store.ts";
import { changeKey, changePrefix, ownKey, secretsKey } from "./group-rows.ts";

/** Stored changes are folded into a new snapshot when they exceed this size, and a multiple of the snapshot's. */
const FOLD_BYTES = 8192;
const FOLD_FACTOR = 4;

/** The sizes of the stored rows. */
interface Stored {
  changes: number;
  changeBytes: number;
  snapshotBytes: number;
}

/**
 * The message keys of one epoch, and their rows in the store: a snapshot of the secret tree, the changes since, and the two own ratchets.
 *
 * Receiving a message writes one small change. The own ratchets have rows of their own, which are replaced: so the store never holds a secret
 * from which the key of a sent message can be derived, not even in an old snapshot.
 */
export class EpochKeys {
  readonly messages: MessageEpoch;
  readonly view: EpochView;
  readonly #tree: SecretTree;
  readonly #stored: Stored;
  readonly #leases: Partial<Record<RatchetType, SendLease>> = {};

  private constructor(suite: CipherSuite, view: EpochView, tree: SecretTree, stored: Stored) {
    this.#tree = tree;
    this.view = view;
    this.#stored = stored;
    this.messages = {
      suite,
      tree,
      groupId: view.context.groupId,
      epoch: view.context.epoch,
      groupContext: view.encodedContext,
      senderDataSecret: view.senderDataSecret,
      signaturePublicKey: (leaf) => view.tree.leaf(leaf)?.signatureKey,
    };
  }

  /** The keys of a new epoch with the first leases, and the rows to store. */
  static start(suite: CipherSuite, view: EpochView, tree: SecretTree, lease: number): { keys: EpochKeys; rows: StoreChange[] } {
    const keys = new EpochKeys(suite, view, tree, { changes: 0, changeBytes: 0, snapshotBytes: 0 });
    const rows = [...keys.lease("application", lease).rows, ...keys.lease("handshake", 1).rows, keys.#snapshotRow()];
    return { keys, rows };
  }

  /** The keys of a stored epoch. @throws MlsEngineError `state_damaged` */
  static load(suite: CipherSuite, view: EpochView, partition: StorePartition, restore: (snapshot: Uint8Array) => SecretTree): EpochKeys {
    const { epoch } = view.context;
    const row = (key: string): Uint8Array => {
      const value = partition.get(key);
      if (value === undefined) throw new MlsEngineError("state_damaged", "Message keys of the group are missing in the store");
      return value;
    };
    const snapshot = row(secretsKey(epoch));
    const tree = restore(snapshot);
    // The snapshot has zeros for the own ratchets. Without these rows, keys would be derived from zeros, which anyone can do.
    tree.apply(row(ownKey(epoch, "application")));
    tree.apply(row(ownKey(epoch, "handshake")));
    const changes = partition.keys(changePrefix(epoch)).length;
    let changeBytes = 0;
    for (let i = 0; i < changes; i++) {
      const change = row(changeKey(epoch, i));
      changeBytes += change.length;
      tree.apply(change);
    }
    return new EpochKeys(suite, view, tree, { changes, changeBytes, snapshotBytes: snapshot.length });
  }

  /** The current lease, if it has keys left. */
  leased(type: RatchetType): SendLease | undefined {
    const lease = this.#leases[type];
    return lease && lease.remaining > 0 ? lease : undefined;
  }

  /** Takes keys for the next own messages. The rows must be durable before the first key is used. */
  lease(type: RatchetType, count: number): { lease: SendLease; rows: StoreChange[] } {
    const { change, lease } = this.#tree.leaseSend(type, count);
    this.#leases[type]?.erase();
    this.#leases[type] = lease;
    return { lease, rows: [{ key: ownKey(this.view.context.epoch, type), value: change }] };
  }

  /** The first generation that was not used to send a message, according to this state. */
  nextUnused(type: RatchetType): number {
    return this.leased(type)?.next ?? this.#tree.nextOwn(type);
  }

  /**
   * The key of an own generation that is unused according to this state. If it decrypts a message, another copy of the state sent that message.
   * The caller erases the key.
   *
   * @throws MlsEngineError `generation_too_far`
   */
  peekUnused(type: RatchetType, generation: number): MessageKey {
    return this.leased(type)?.peek(generation) ?? this.#tree.peekOwn(type, generation);
  }

  /** The rows for a change that the secret tree just made. */
  record(change: Uint8Array): StoreChange[] {
    const { epoch } = this.view.context;
    const stored = this.#stored;
    stored.changeBytes += change.length;
    if (stored.changeBytes > Math.max(FOLD_BYTES, FOLD_FACTOR * stored.snapshotBytes)) return this.fold();
    return [{ key: changeKey(epoch, stored.changes++), value: change }];
  }

  /** The rows that replace snapshot and changes by a new snapshot, so that no stored secret leads to a message that was read. */
  fold(): StoreChange[] {
    if (this.#stored.changeBytes === 0) return [];
    const dropped = this.#dropChanges();
    this.#stored.changes = 0;
    this.#stored.changeBytes = 0;
    return [this.#snapshotRow(), ...dropped];
  }

  /** The changes that remove all rows of the epoch. */
  drop(): StoreChange[] {
    const { epoch } = this.view.context;
    const keys = [secretsKey(epoch), ownKey(epoch, "application"), ownKey(epoch, "handshake")];
    return [...keys.map((key) => ({ key, value: undefined })), ...this.#dropChanges()];
  }

  /** Erases the leases, at the end of the epoch. */
  stopSending(): void {
    for (const lease of Object.values(this.#leases)) lease.erase();
  }

  erase(): void {
    this.stopSending();
    this.#tree.erase();
  }

  #snapshotRow(): StoreChange {
    const value = withoutOwnRatchets(this.messages.suite, this.#tree.snapshot());
    this.#stored.snapshotBytes = value.length;
    return { key: secretsKey(this.view.context.epoch), value };
  }

  #dropChanges(): StoreChange[] {
    const { epoch } = this.view.context;
    return Array.from({ length: this.#stored.changes }, (_, i) => ({ key: changeKey(epoch, i), value: undefined }));
  }
}

/** A snapshot with zeros in place of the own ratchets. The given one is erased. */
function withoutOwnRatchets(suite: CipherSuite, snapshot: Uint8Array): Uint8Array {
  const state = decodeSnapshot(suite, snapshot);
  const none = (): Ratchet => ({ next: 0, secret: new Uint8Array(suite.hashLength), skipped: new Map() });
  const own = state.leaves.get(state.ownLeaf);
  erase(own?.application.secret, own?.handshake.secret, snapshot);
  state.leaves.set(state.ownLeaf, { application: none(), handshake: none() });
  return encodeSnapshot(suite, state);
}
