import type { KeyObject } from "node:crypto";
import { deferred } from "@parley/core/internal";
import type { SealingKey } from "@parley/storage";
import { BoundedMap } from "../bounded-map.ts";
import { generateKeys, privateKeyOf, resealKeys, type KeyPurpose, type StoredKey, type StoredKeys } from "./did-keys.ts";
import type { DidRecords } from "./did-records.ts";
import type { DidRecord } from "./hosted-did.ts";

/** Private keys that are kept decrypted and imported. */
const MAX_IMPORTED = 10_000;

/** The keys of hosted DIDs whose agents don't hold them: generated on first use, with the private halves encrypted under the node key. */
export class NodeHeldKeys {
  readonly #records: DidRecords;
  #nodeKey: SealingKey;
  /** A rotation of the node key that is under way. */
  #rotating: Promise<void> | undefined;
  readonly #generating = new Map<string, Promise<StoredKeys | undefined>>();
  /** Private keys that were decrypted and imported, by the stored key: a DID that is created again has another one. */
  readonly #imported = new BoundedMap<StoredKey, KeyObject>(MAX_IMPORTED);

  /** @throws StorageError `data_dir_unusable` when the node key isn't the one that the records' keys are encrypted under. */
  constructor(records: DidRecords, nodeKey: SealingKey) {
    this.#records = records;
    this.#nodeKey = nodeKey;
    for (const { did, keys } of records.values()) {
      if (keys === undefined) continue;
      privateKeyOf(did, "signing", keys.signing, nodeKey);
      return;
    }
  }

  /** The keys of a DID, generated and stored on first use; `undefined` if the node doesn't host it, or its agent holds them. @throws StorageError `storage_failed` */
  async of(did: string): Promise<StoredKeys | undefined> {
    const under = this.#generating.get(did);
    if (under !== undefined) return under;
    const record = this.#records.get(did);
    if (record === undefined || record.keys !== undefined || record.agentKeys !== undefined) return record?.keys;
    const generating = this.#generate(did);
    this.#generating.set(did, generating);
    try {
      return await generating;
    } finally {
      this.#generating.delete(did);
    }
  }

  /** A private key of a DID, generated like {@link of}. @throws StorageError `data_dir_unusable` (it can't be decrypted), `storage_failed` */
  async privateKey(did: string, purpose: KeyPurpose): Promise<KeyObject | undefined> {
    await this.of(did);
    // The keys and the node key of one moment: a rotation changes both.
    const stored = this.#records.get(did)?.keys?.[purpose];
    if (stored === undefined) return undefined;
    const known = this.#imported.get(stored);
    if (known !== undefined) return known;
    const key = privateKeyOf(did, purpose, stored, this.#nodeKey);
    this.#imported.set(stored, key);
    return key;
  }

  /** Drops the imported private keys of a record that is removed. */
  forget({ keys }: Pick<DidRecord, "keys">): void {
    if (keys === undefined) return;
    this.#imported.delete(keys.signing);
    this.#imported.delete(keys.agreement);
  }

  /**
   * Encrypts all private keys with another node key, in one commit. Keys that are being generated are waited for; later ones wait.
   *
   * @throws StorageError `data_dir_unusable` (a key can't be decrypted), `storage_failed`: all keys are encrypted as before.
   */
  async changeNodeKey(next: SealingKey): Promise<void> {
    while (this.#rotating !== undefined) await this.#rotating;
    const { promise, resolve } = deferred<void>();
    this.#rotating = promise;
    try {
      await Promise.allSettled(this.#generating.values());
      await this.#reseal(next);
    } finally {
      this.#rotating = undefined;
      resolve();
    }
  }

  /** Keys are returned only once durable: a document must not change after a crash. */
  async #generate(did: string): Promise<StoredKeys | undefined> {
    await this.#rotating;
    const keys = await generateKeys(did, this.#nodeKey);
    // Another node may have generated keys in this moment: those that were stored first count.
    const record = await this.#records.change(did, (present) =>
      present.keys === undefined && present.agentKeys === undefined ? { ...present, keys } : present,
    );
    return record?.keys;
  }

  async #reseal(next: SealingKey): Promise<void> {
    const former = this.#nodeKey;
    const before = new Map(Array.from(this.#records.values()).flatMap(({ did, keys }) => (keys === undefined ? [] : [[did, keys]])));
    const after = new Map(Array.from(before, ([did, keys]) => [did, resealKeys(did, keys, former, next)]));
    const take = (nodeKey: SealingKey, keysOf: ReadonlyMap<string, StoredKeys>): void => {
      this.#nodeKey = nodeKey;
      for (const [did, keys] of keysOf) {
        const record = this.#records.get(did);
        if (record !== undefined) this.#records.set({ ...record, keys });
      }
    };
    take(next, after);
    try {
      // Queued in one turn of the event loop, so they are one commit.
      await Promise.all(Array.from(after, ([did, keys]) => this.#records.store(did, (present) => ({ ...present, keys }))));
    } catch (error) {
      take(former, before);
      throw error;
    }
  }
}
