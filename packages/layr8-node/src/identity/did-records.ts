import type { Records } from "@parley/storage";
import type { DidRecord } from "./hosted-did.ts";
import { liveRecords, type LiveRecords } from "./live-records.ts";

/** The records of hosted DIDs: all of them in memory, with the number that each API key owns. Changes by other nodes are taken over. */
export class DidRecords {
  readonly #stored: LiveRecords<DidRecord>;
  readonly #records = new Map<string, DidRecord>();
  /** Number of DIDs, by the id of the API key that owns them. */
  readonly #owned = new Map<string, number>();
  /** Writes of new records. */
  readonly #creating = new Map<string, Promise<unknown>>();

  /**
   * Loads the records.
   *
   * @param now ephemeral DIDs count as seen at this time, because their agents could not connect while the node was down.
   */
  constructor(records: Records<DidRecord> | LiveRecords<DidRecord>, now: number) {
    this.#stored = liveRecords(records, (did) => this.#records.get(did));
    for (const record of records.load()) this.set({ ...record, lastSeenAt: record.storage === "ephemeral" ? now : record.lastSeenAt });
    this.#stored.onChange((did, record) => {
      if (record === undefined) this.#delete(did);
      else this.set({ ...record, lastSeenAt: Math.max(record.lastSeenAt, this.#records.get(did)?.lastSeenAt ?? 0) });
    });
  }

  has(did: string): boolean {
    return this.#records.has(did);
  }

  get(did: string): DidRecord | undefined {
    return this.#records.get(did);
  }

  /** All records. They may be changed during the iteration. */
  values(): IterableIterator<DidRecord> {
    return this.#records.values();
  }

  /** Number of DIDs that an API key owns. */
  ownedBy(keyId: string): number {
    return this.#owned.get(keyId) ?? 0;
  }

  /** The write of a DID that is being created; `undefined` if it is not. */
  creationOf(did: string): Promise<unknown> | undefined {
    return this.#creating.get(did);
  }

  /**
   * Stores a new record. It is in memory at once, and no longer if the write fails.
   *
   * @returns the stored record: another one if another node has created the DID in this moment.
   * @throws StorageError `storage_failed`
   */
  async create(record: DidRecord): Promise<DidRecord> {
    const { did } = record;
    this.set(record);
    const writing = this.#stored.update(did, (present) => present ?? record);
    this.#creating.set(did, writing);
    try {
      const written = (await writing) ?? record;
      this.set(written);
      return written;
    } catch (error) {
      if (this.#records.get(did) === record) this.#delete(did);
      throw error;
    } finally {
      this.#creating.delete(did);
    }
  }

  /** Changes a record: in memory first, so that later writes include the change, and back if the write fails. @throws StorageError `storage_failed` */
  async change(did: string, change: (present: DidRecord) => DidRecord): Promise<DidRecord | undefined> {
    const former = this.#records.get(did);
    if (former === undefined) return undefined;
    this.#records.set(did, change(former));
    try {
      const changed = await this.store(did, change);
      if (changed !== undefined && this.#records.has(did)) this.set(changed);
      return changed;
    } catch (error) {
      if (this.#records.has(did)) this.#records.set(did, former);
      throw error;
    }
  }

  /** Changes a record in memory only. */
  set(record: DidRecord): void {
    const former = this.#records.get(record.did)?.ownerKeyId;
    if (former !== record.ownerKeyId) {
      if (former !== undefined) this.#countOwned(former, -1);
      this.#countOwned(record.ownerKeyId, 1);
    }
    this.#records.set(record.did, record);
  }

  /** Stores a change that is in memory already. @throws StorageError `storage_failed` */
  store(did: string, change: (present: DidRecord) => DidRecord): Promise<DidRecord | undefined> {
    return this.#stored.update(did, (present) => present && change(present));
  }

  /** Removes a record: from memory at once. Resolves when the removal is durable. @throws StorageError `storage_failed` */
  delete(did: string): Promise<void> {
    this.#delete(did);
    return this.#stored.remove(did);
  }

  /** Waits for records that other nodes have created before this call. @throws StorageError `storage_failed` */
  catchUp(): Promise<void> {
    return this.#stored.catchUp();
  }

  #delete(did: string): void {
    const record = this.#records.get(did);
    if (record === undefined) return;
    this.#records.delete(did);
    this.#countOwned(record.ownerKeyId, -1);
  }

  #countOwned(ownerKeyId: string, change: 1 | -1): void {
    const count = this.ownedBy(ownerKeyId) + change;
    if (count <= 0) this.#owned.delete(ownerKeyId);
    else this.#owned.set(ownerKeyId, count);
  }
}
