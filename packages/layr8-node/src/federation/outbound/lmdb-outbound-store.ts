import { ChurnMap } from "@parley/core/internal";
import { numberAt, numbersKey, type Environment, StorageError, type Table, type WriteQueue } from "@parley/storage";
import { storableTime } from "../../inbox/inbox-keys.ts";
import type { Fingerprint } from "../../inbox/recent-messages.ts";
import { StoredRecentMessages } from "../../inbox/stored-recent-messages.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import { decodeOutbound, encodeOutbound, outboundFingerprint, outboundKey, readOutboundKey, salvageOutbound } from "./outbound-record.ts";
import type { Appended, OutboundStore, OutboundStoreOptions, StoredEntry } from "./outbound-store.ts";

/** How long a removal may wait to share another write's flush, in milliseconds. No caller waits for it. */
const REMOVE_PATIENCE_MS = 20;

/** A (sender, recipient) pair with messages. */
interface StoredPair {
  readonly number: number;
  readonly sender: string;
  readonly recipient: string;
  /** Number of messages, pending appends and removals included. */
  count: number;
  /** Whether the record of this pair is durable. */
  recorded: boolean;
}

/** An entry and the components of its key. */
class LmdbEntry implements StoredEntry {
  readonly #pair: StoredPair;
  readonly seq: number;
  readonly length: number;
  readonly expiresAt: number;
  readonly fingerprint: Fingerprint;
  readonly queuedAt: number = performance.now();

  constructor(pair: StoredPair, seq: number, length: number, expiresAt: number, fingerprint: Fingerprint) {
    this.#pair = pair;
    this.seq = seq;
    this.length = length;
    this.expiresAt = expiresAt;
    this.fingerprint = fingerprint;
  }

  get pair(): StoredPair {
    return this.#pair;
  }

  get sender(): string {
    return this.#pair.sender;
  }

  get recipient(): string {
    return this.#pair.recipient;
  }

  get key(): Buffer {
    const { seq, length, expiresAt, fingerprint } = this;
    return outboundKey({ seq, pair: this.#pair.number, length, expiresAt, fingerprint });
  }
}

/**
 * Stores messages to other nodes in a node's data directory.
 *
 * Tables: `outbound` (seq, pair, length, expiry, fingerprint → message), `outbound-lanes` (pair → sender and recipient) and
 * `outbound-recent` (see {@link StoredRecentMessages}). Missing tables are created.
 */
export class LmdbOutboundStore implements OutboundStore {
  readonly #now: () => number;
  readonly #writes: WriteQueue;
  readonly #messages: Table;
  readonly #pairRecords: Table;
  readonly #recent: StoredRecentMessages;
  readonly #pairs = new Map<string, StoredPair>();
  readonly #waiting = new ChurnMap<Fingerprint, true>();
  /** Pending appends. */
  readonly #pending = new ChurnMap<Fingerprint, Promise<void>>();
  /** Messages of pending appends, by seq. */
  readonly #fresh = new ChurnMap<number, OutboundMessage>();
  #loaded: readonly LmdbEntry[] = [];
  #nextNumber = 1;
  #closed = false;

  private constructor(environment: Environment, { deduplicationMs, maxRemembered, now = Date.now }: OutboundStoreOptions) {
    this.#now = now;
    this.#writes = environment.writes;
    this.#messages = environment.table("outbound");
    // The stored name is from earlier versions, which called a pair a lane.
    this.#pairRecords = environment.table("outbound-lanes");
    this.#recent = new StoredRecentMessages(environment, { name: "outbound-recent", windowMs: deduplicationMs, maxRemembered, now });
  }

  /**
   * Opens the store of an environment. Only one may be open per environment. Closing it leaves the environment open.
   *
   * @throws StorageError `storage_failed`, `data_dir_unusable`
   */
  static async open(environment: Environment, options: OutboundStoreOptions): Promise<LmdbOutboundStore> {
    const store = new LmdbOutboundStore(environment, options);
    store.#loaded = store.#load();
    await store.#writes.flush();
    return store;
  }

  append(message: OutboundMessage, hasRoom = true): Promise<Appended> {
    if (this.#closed) return rejectClosed();
    const fingerprint = outboundFingerprint(message);
    const first = this.#pending.get(fingerprint);
    if (first !== undefined) return first.then(() => ({ status: "duplicate" }));
    const now = this.#now();
    if (this.#waiting.has(fingerprint) || this.#recent.has(fingerprint)) return Promise.resolve({ status: "duplicate" });
    if (!hasRoom) return Promise.resolve({ status: "full" });

    const pair = this.#pairOf(message.sender, message.recipient);
    pair.count += 1;
    const entry = new LmdbEntry(pair, this.#nextNumber++, message.plaintext.length, storableTime(message.expiresAt), fingerprint);
    this.#writes.put(this.#messages, entry.key, encodeOutbound(message));
    // Written with each message until known to be durable, so that no message is stored without its pair.
    if (!pair.recorded) this.#writes.put(this.#pairRecords, numbersKey(pair.number), encodePair(pair));
    this.#recent.write(fingerprint);
    message.onAppend?.();
    const durable = this.#writes.flush();
    this.#pending.set(fingerprint, durable);
    this.#fresh.set(entry.seq, message);
    durable.then(
      () => this.#confirm(entry, now),
      () => this.#takeBack(entry),
    );
    return Promise.resolve({ status: "stored", entry, durable });
  }

  entries(): Iterable<StoredEntry> {
    const loaded = this.#loaded;
    this.#loaded = [];
    return loaded;
  }

  read(entry: StoredEntry): OutboundMessage {
    if (this.#closed) throw closedError();
    const { key, sender, recipient, seq } = ownEntry(entry);
    const fresh = this.#fresh.get(seq);
    if (fresh !== undefined) return fresh;
    const value = this.#readValue(key);
    if (value === undefined) throw new StorageError("storage_failed", "Unknown message to another node");
    return decodeOutbound(sender, recipient, value);
  }

  salvage(entry: StoredEntry): OutboundMessage | undefined {
    const { key, sender, recipient } = ownEntry(entry);
    const record = this.#messages.setAside(this.#writes, key);
    return record && salvageOutbound(sender, recipient, record);
  }

  async remove(entry: StoredEntry): Promise<void> {
    if (this.#closed) return rejectClosed();
    const { key, pair, fingerprint } = ownEntry(entry);
    this.#writes.remove(this.#messages, key);
    await this.#writes.flush(REMOVE_PATIENCE_MS);
    if (this.#waiting.delete(fingerprint)) this.#leave(pair);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writes.flush().catch(() => undefined);
  }

  #confirm({ pair, fingerprint, seq }: LmdbEntry, now: number): void {
    this.#pending.delete(fingerprint);
    this.#fresh.delete(seq);
    this.#waiting.set(fingerprint, true);
    this.#recent.confirm(fingerprint, now);
    pair.recorded = true;
  }

  #takeBack({ pair, fingerprint, seq }: LmdbEntry): void {
    this.#pending.delete(fingerprint);
    this.#fresh.delete(seq);
    this.#leave(pair);
  }

  #readValue(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#messages.get(key);
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw new StorageError("storage_failed", "A message to another node can't be read", { cause: error });
    }
  }

  #pairOf(sender: string, recipient: string): StoredPair {
    const key = pairKey(sender, recipient);
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = { number: this.#nextNumber++, sender, recipient, count: 0, recorded: false };
      this.#pairs.set(key, pair);
    }
    return pair;
  }

  /** A message of the pair has left. An empty pair is removed; a later one gets a new number. */
  #leave(pair: StoredPair): void {
    pair.count -= 1;
    if (pair.count > 0) return;
    this.#pairs.delete(pairKey(pair.sender, pair.recipient));
    // Written with the next commit. If that fails, the next start removes the record.
    if (pair.recorded && !this.#closed) this.#writes.remove(this.#pairRecords, numbersKey(pair.number));
  }

  #load(): LmdbEntry[] {
    const pairs = new Map<number, StoredPair>();
    const damaged: [Table, Uint8Array][] = [];
    const onDamaged = (key: Uint8Array): void => void damaged.push([this.#pairRecords, Uint8Array.from(key)]);
    for (const { key, value } of this.#pairRecords.getRange({ onDamaged })) {
      const number = numberAt(key, 0);
      const parties = decodePair(value);
      if (parties === undefined) onDamaged(key);
      else pairs.set(number, { number, ...parties, count: 0, recorded: true });
    }
    const entries: LmdbEntry[] = [];
    for (const key of this.#messages.getKeys({})) {
      const { seq, pair: number, length, expiresAt, fingerprint } = readOutboundKey(key);
      const pair = pairs.get(number);
      this.#nextNumber = Math.max(this.#nextNumber, seq + 1, number + 1);
      if (pair === undefined) {
        // The record of its sender and recipient is missing.
        damaged.push([this.#messages, Uint8Array.from(key)]);
        continue;
      }
      pair.count += 1;
      entries.push(new LmdbEntry(pair, seq, length, expiresAt, fingerprint));
      this.#waiting.set(fingerprint, true);
    }
    for (const pair of pairs.values()) {
      this.#nextNumber = Math.max(this.#nextNumber, pair.number + 1);
      if (pair.count === 0) this.#writes.remove(this.#pairRecords, numbersKey(pair.number));
      else this.#pairs.set(pairKey(pair.sender, pair.recipient), pair);
    }
    for (const [table, key] of damaged) table.setAside(this.#writes, key);
    this.#recent.load();
    return entries;
  }
}

function pairKey(sender: string, recipient: string): string {
  return `${sender} ${recipient}`;
}

function encodePair({ sender, recipient }: StoredPair): Buffer {
  return Buffer.from(JSON.stringify([sender, recipient]));
}

/** `undefined` when the record is damaged. */
function decodePair(value: Uint8Array): { sender: string; recipient: string } | undefined {
  try {
    const [sender, recipient] = JSON.parse(Buffer.from(value).toString()) as [string, string];
    return { sender, recipient };
  } catch {
    return undefined;
  }
}

/** @throws TypeError for an entry of another store. */
function ownEntry(entry: StoredEntry): LmdbEntry {
  if (!(entry instanceof LmdbEntry)) throw new TypeError("Not an entry of this store");
  return entry;
}

function closedError(): StorageError {
  return new StorageError("storage_failed", "The queue of messages to other nodes is closed");
}

function rejectClosed(): Promise<never> {
  return Promise.reject(closedError());
}
