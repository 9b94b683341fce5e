import type { MessageCrypto } from "./crypto/mls-crypto.ts";
import type { GroupContext } from "./core/structures.ts";
import type { RatchetTree } from "./core/ratchet-tree.ts";
import type { MessageEpoch } from "./messages/message-epoch.ts";
import type { SecretTree } from "./messages/secret-tree.ts";
import { changeKey, changePrefix, secretsKey } from "./group-rows.ts";
import type { StoreChange, StorePartition } from "./store/group-store.ts";

/** Changes are folded into a new snapshot when they take more room than several of it, and than this. */
const FOLD_BYTES = 32_768;
const FOLD_FACTOR = 4;

/** What the public side of an epoch is for its messages. */
export interface EpochView {
  readonly context: GroupContext;
  readonly encodedContext: Uint8Array;
  readonly senderDataSecret: Uint8Array;
  readonly tree: RatchetTree;
}

/** The message keys of one epoch together with how they are stored: a snapshot, and the changes since. */
export class EpochKeys {
  readonly messages: MessageEpoch;
  readonly view: EpochView;
  readonly #tree: SecretTree;
  #changes: number;
  #changeBytes: number;
  #snapshotBytes: number;

  private constructor(crypto: MessageCrypto, view: EpochView, tree: SecretTree, stored: { changes: number; changeBytes: number; snapshotBytes: number }) {
    this.#tree = tree;
    this.view = view;
    this.#changes = stored.changes;
    this.#changeBytes = stored.changeBytes;
    this.#snapshotBytes = stored.snapshotBytes;
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

  /** Those of an epoch that starts, and the row that keeps them. */
  static start(crypto: MessageCrypto, view: EpochView, tree: SecretTree): { keys: EpochKeys; row: StoreChange } {
    const snapshot = tree.snapshot();
    const stored = { changes: 0, changeBytes: 0, snapshotBytes: snapshot.length };
    return { keys: new EpochKeys(crypto, view, tree, stored), row: { key: secretsKey(view.context.epoch), value: snapshot } };
  }

  /** Those of a stored epoch; `undefined` when they aren't stored. */
  static load(
    crypto: MessageCrypto,
    view: EpochView,
    partition: StorePartition,
    restore: (snapshot: Uint8Array) => SecretTree,
  ): EpochKeys | undefined {
    const { epoch } = view.context;
    const snapshot = partition.get(secretsKey(epoch));
    if (snapshot === undefined) return undefined;
    const tree = restore(snapshot);
    const changes = partition.keys(changePrefix(epoch)).length;
    let changeBytes = 0;
    for (let i = 0; i < changes; i++) {
      const change = partition.get(changeKey(epoch, i)) ?? new Uint8Array();
      changeBytes += change.length;
      tree.apply(change);
    }
    return new EpochKeys(crypto, view, tree, { changes, changeBytes, snapshotBytes: snapshot.length });
  }

  /** The rows that keep a change which the tree has gone through just now. */
  record(change: Uint8Array): StoreChange[] {
    const { epoch } = this.view.context;
    this.#changeBytes += change.length;
    if (this.#changeBytes <= Math.max(FOLD_BYTES, FOLD_FACTOR * this.#snapshotBytes)) {
      return [{ key: changeKey(epoch, this.#changes++), value: change }];
    }
    const snapshot = this.#tree.snapshot();
    const rows: StoreChange[] = [{ key: secretsKey(epoch), value: snapshot }, ...this.#dropChanges()];
    this.#changes = 0;
    this.#changeBytes = 0;
    this.#snapshotBytes = snapshot.length;
    return rows;
  }

  /** Removes what is stored. */
  drop(): StoreChange[] {
    return [{ key: secretsKey(this.view.context.epoch), value: undefined }, ...this.#dropChanges()];
  }

  erase(): void {
    this.#tree.erase();
  }

  #dropChanges(): StoreChange[] {
    const { epoch } = this.view.context;
    return Array.from({ length: this.#changes }, (_, i) => ({ key: changeKey(epoch, i), value: undefined }));
  }
}
