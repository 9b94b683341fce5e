import { createHash, randomUUID } from "node:crypto";
import { isRecordDamaged, type Environment, type Table, type WriteQueue } from "@parley/storage";
import type { CredentialPage, CredentialStore, ListOptions, StoredCredential } from "./credential-store.ts";
import { CredentialError } from "./credential-error.ts";
import { pageOf } from "./page.ts";

type CredentialRecord = StoredCredential & { readonly seq: number };

/** The fields needed to remove a credential. */
type RemovableCredential = Pick<CredentialRecord, "id" | "holderDid" | "seq">;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SEQ_BYTES = 6;
const HOLDER_BYTES = 32;

/**
 * Stores credentials in a node's data directory, or in memory.
 *
 * Tables: `credentials` (id → record) and `credential-holders` (SHA-256 of the holder's DID, seq → id). Seqs are times of storing,
 * incremented where two are equal, so that they ascend across restarts.
 */
export class StoredCredentialStore implements CredentialStore {
  readonly #maxPerHolder: number;
  readonly #writes: WriteQueue;
  readonly #records: Table;
  readonly #index: Table;
  /** Number of credentials by hash of the holder, pending writes included, pending removals excluded. */
  readonly #counts = new Map<string, number>();
  /** Pending removals by id. */
  readonly #removing = new Map<string, Promise<void>>();
  #lastSeq = 0;

  constructor(environment: Environment, maxPerHolder: number) {
    this.#maxPerHolder = maxPerHolder;
    this.#writes = environment.writes;
    this.#records = environment.table("credentials");
    this.#index = environment.table("credential-holders");
    for (const key of this.#index.getKeys({})) {
      this.#count(holderOf(key), 1);
      this.#lastSeq = Math.max(this.#lastSeq, seqOf(key));
    }
  }

  /**
   * Removes the credentials of holders that are no longer hosted: the node may have stopped between the removal of a DID and that of its
   * credentials.
   *
   * @throws StorageError `storage_failed`
   */
  async retain(isThere: (holderDid: string) => boolean): Promise<void> {
    const gone = new Set<string>();
    let last: string | undefined;
    for (const { key, value } of this.#index.getRange({})) {
      const holder = holderOf(key);
      // All of them have the same holder, so one record is enough to find it.
      if (holder === last) continue;
      last = holder;
      const record = this.#read(value);
      if (record !== undefined && !isThere(record.holderDid)) gone.add(record.holderDid);
    }
    await Promise.all(Array.from(gone, (holderDid) => this.removeHolder(holderDid)));
  }

  async add(credential: Omit<StoredCredential, "id">): Promise<StoredCredential> {
    const holder = hashOf(credential.holderDid);
    if ((this.#counts.get(textOf(holder)) ?? 0) >= this.#maxPerHolder) {
      throw new CredentialError("wallet_full", `A holder may store ${this.#maxPerHolder} credentials`);
    }
    const seq = Math.max(this.#lastSeq + 1, Date.now());
    this.#lastSeq = seq;
    const stored: StoredCredential = { id: randomUUID(), ...credential };
    const record: CredentialRecord = { ...stored, seq };
    this.#count(textOf(holder), 1);
    this.#writes.put(this.#records, idKey(stored.id), Buffer.from(JSON.stringify(record)));
    this.#writes.put(this.#index, indexKey(holder, seq), idKey(stored.id));
    try {
      await this.#writes.flush();
    } catch (error) {
      this.#count(textOf(holder), -1);
      throw error;
    }
    return stored;
  }

  async get(id: string): Promise<StoredCredential | undefined> {
    if (!UUID.test(id)) return undefined;
    const record = this.#read(idKey(id));
    return record === undefined ? undefined : credentialOf(record);
  }

  async list(holderDid: string, { limit, after = -1 }: ListOptions): Promise<CredentialPage> {
    return pageOf(this.#entries(hashOf(holderDid), after), limit);
  }

  async remove(id: string): Promise<boolean> {
    if (!UUID.test(id)) return false;
    const underWay = this.#removing.get(id);
    if (underWay !== undefined) {
      await underWay;
      return false;
    }
    const record = this.#read(idKey(id));
    if (record === undefined) return false;
    await this.#remove([record]);
    return true;
  }

  async removeHolder(holderDid: string): Promise<void> {
    // Credentials being written are not in the index yet.
    await this.#writes.flush().catch(() => undefined);
    // Reads only the index, because credentials are large.
    const entries: RemovableCredential[] = [];
    for (const { key, value } of this.#index.getRange(rangeOf(hashOf(holderDid), 0))) {
      const id = idOf(value);
      if (!this.#removing.has(id)) entries.push({ id, holderDid, seq: seqOf(key) });
    }
    if (entries.length > 0) await this.#remove(entries);
  }

  async #remove(records: readonly RemovableCredential[]): Promise<void> {
    for (const { id, holderDid, seq } of records) {
      const holder = hashOf(holderDid);
      this.#writes.remove(this.#records, idKey(id));
      this.#writes.remove(this.#index, indexKey(holder, seq));
      this.#count(textOf(holder), -1);
    }
    const written = this.#writes.flush();
    for (const { id } of records) this.#removing.set(id, written);
    try {
      await written;
    } catch (error) {
      for (const { holderDid } of records) this.#count(textOf(hashOf(holderDid)), 1);
      throw error;
    } finally {
      for (const { id } of records) this.#removing.delete(id);
    }
  }

  *#entries(holder: Uint8Array, after: number): Generator<{ seq: number; credential: StoredCredential }> {
    for (const { key, value } of this.#index.getRange(rangeOf(holder, after + 1))) {
      const record = this.#read(value);
      if (record !== undefined) yield { seq: seqOf(key), credential: credentialOf(record) };
    }
  }

  /** Reads a record. A damaged one is set aside, and counts as unknown from then on. */
  #read(id: Uint8Array): CredentialRecord | undefined {
    try {
      const value = this.#records.get(id);
      if (value === undefined) return undefined;
      return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as CredentialRecord;
    } catch (error) {
      if (!(error instanceof SyntaxError) && !isRecordDamaged(error)) throw error;
      this.#records.setAside(this.#writes, id);
      this.#writes.flush().catch(() => undefined);
      return undefined;
    }
  }

  #count(holder: string, change: 1 | -1): void {
    const count = (this.#counts.get(holder) ?? 0) + change;
    if (count === 0) this.#counts.delete(holder);
    else this.#counts.set(holder, count);
  }
}

function credentialOf({ seq: _seq, ...credential }: CredentialRecord): StoredCredential {
  return credential;
}

function idKey(id: string): Buffer {
  return Buffer.from(id.replaceAll("-", ""), "hex");
}

function idOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function hashOf(holderDid: string): Buffer {
  return createHash("sha256").update(holderDid).digest();
}

function indexKey(holder: Uint8Array, seq: number): Buffer {
  const key = Buffer.alloc(HOLDER_BYTES + SEQ_BYTES);
  key.set(holder);
  key.writeUIntBE(seq, HOLDER_BYTES, SEQ_BYTES);
  return key;
}

/** Range of a holder's entries, starting at a seq. */
function rangeOf(holder: Uint8Array, from: number): { start: Uint8Array; end: Uint8Array } {
  return { start: indexKey(holder, from), end: Buffer.concat([indexKey(holder, 2 ** (8 * SEQ_BYTES) - 1), Buffer.alloc(1)]) };
}

function textOf(holder: Uint8Array): string {
  return Buffer.from(holder).toString("latin1");
}

function holderOf(key: Uint8Array): string {
  return textOf(key.subarray(0, HOLDER_BYTES));
}

function seqOf(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(HOLDER_BYTES, SEQ_BYTES);
}
