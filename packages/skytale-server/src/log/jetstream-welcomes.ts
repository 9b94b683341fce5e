import { closeAll } from "@parley/core/internal";
import { type JetstreamConnection, SharedTable, type TableEntry } from "@parley/jetstream";
import { StorageError } from "@parley/storage";
import type { WelcomeOptions } from "./memory-welcomes.ts";
import { claimKey, type WelcomeClaim, WelcomeClaims } from "./welcome-claims.ts";
import { type Waiting, welcomeId, WelcomeIndex } from "./welcome-index.ts";
import { decodeNote, encodeNote, welcomeKey } from "./welcome-note.ts";
import type { NewWelcome, StoredWelcome, WelcomeId, WelcomeStore } from "./welcome-store.ts";

/** JetStream removes what no server has removed by then: this much after its time. */
const GRACE_MS = 24 * 60 * 60_000;
/** Writes of one call that are under way at the same time. */
const PARALLEL = 64;
/** Attempts at a key that other servers write at the same time. */
const ATTEMPTS = 8;

/**
 * Welcomes in NATS JetStream, which any number of servers store and fetch: a table of Welcomes without their payloads, and a table of
 * claims. Every server has both in memory. Limits are checked on that, so servers that store at the same moment may exceed them a little.
 */
export class JetstreamWelcomes implements WelcomeStore {
  readonly #index: WelcomeIndex;
  readonly #claims = new WelcomeClaims();
  readonly #now: () => number;
  readonly #expiryNow: () => number;
  /** The Welcome of each key of the table, with the revision under which its payload is read. */
  readonly #byKey = new Map<string, { readonly waiting: Waiting; readonly revision: number }>();
  #welcomesTable!: SharedTable;
  #claimsTable!: SharedTable;
  #closed = false;

  private constructor(options: WelcomeOptions) {
    this.#index = new WelcomeIndex(options.limits);
    this.#now = options.now ?? Date.now;
    this.#expiryNow = options.expiryNow ?? this.#now;
  }

  /**
   * Opens the store on a connection, which stays open when it is closed.
   *
   * @throws StorageError `storage_failed`; JetstreamError `streams_unavailable`
   */
  static async open(connection: JetstreamConnection, options: WelcomeOptions = {}): Promise<JetstreamWelcomes> {
    const store = new JetstreamWelcomes(options);
    const maxAgeMs = store.#index.ttlMs + GRACE_MS;
    store.#welcomesTable = await SharedTable.open(
      connection,
      { name: "welcome", withoutValues: true, maxAgeMs },
      { onEntry: (entry) => store.#takeWelcome(entry), onRemoved: (key) => store.#dropWelcome(key) },
    );
    store.#claimsTable = await SharedTable.open(
      connection,
      { name: "claim", maxAgeMs },
      {
        onEntry: ({ key, value }) => store.#takeClaim(key, value),
        onRemoved: (key) => store.#claims.unload(key),
      },
    );
    return store;
  }

  async put(channel: string, welcome: NewWelcome): Promise<boolean> {
    this.#assertOpen();
    if (!this.#index.hasRoomFor(channel, welcome)) return false;
    const { recipients, payload, publisher } = welcome;
    const id = welcomeId(channel, payload);
    const note = { channel, recipient: new Uint8Array(), id, length: payload.length, recordedAt: this.#now(), publisher };
    await inGroups(recipients, (recipient) => this.#putOne({ ...note, recipient }, payload));
    return true;
  }

  async fetch(channel: string, recipients: readonly Uint8Array[], maxBytes: number): Promise<readonly StoredWelcome[]> {
    this.#assertOpen();
    // Another server may have stored it since the last read.
    if (this.#index.find(channel, recipients).length === 0) await this.#welcomesTable.catchUp();
    const found: StoredWelcome[] = [];
    let bytes = 0;
    for (const { id, recipient, recordedAt, length } of this.#index.find(channel, recipients)) {
      bytes += length;
      if (bytes > maxBytes && found.length > 0) break;
      const revision = this.#byKey.get(welcomeKey(channel, { id, recipient }))?.revision;
      const payload = revision === undefined ? undefined : await this.#welcomesTable.read(revision);
      if (payload !== undefined) found.push({ id, recipient, payload, recordedAt });
    }
    return found;
  }

  async acknowledge(channel: string, welcomes: readonly WelcomeId[]): Promise<void> {
    this.#assertOpen();
    await inGroups(welcomes, (welcome) => this.#removeKey(welcomeKey(channel, welcome)));
  }

  async claim(channel: string, recipients: readonly Uint8Array[], accountId: string): Promise<boolean> {
    this.#assertOpen();
    const owned = await inGroups(recipients, (recipient) => this.#claimOne(claimKey(channel, recipient), accountId));
    await inGroups(this.#claims.surplus(accountId), (key) => this.#claimsTable.remove(key));
    return owned.every(Boolean);
  }

  watch(channel: string, recipients: readonly Uint8Array[], listener: () => void): () => void {
    return this.#index.watch(channel, recipients, listener);
  }

  storedBytes(publisher: string): number {
    return this.#index.storedBytes(publisher);
  }

  /** Stores a Welcome that was recorded elsewhere, unless it is there. */
  import(waiting: Waiting, payload: Uint8Array): Promise<void> {
    this.#assertOpen();
    return this.#putOne(waiting, payload);
  }

  /** Stores a claim that was made elsewhere, unless the recipient is claimed. */
  async importClaim(key: string, claim: WelcomeClaim): Promise<void> {
    this.#assertOpen();
    if (this.#claims.ownerOf(key) !== undefined) return;
    await this.#claimsTable.put(key, Buffer.from(JSON.stringify(claim)), "", this.#claimsTable.revisionOf(key));
  }

  readonly clear = async (channel: string): Promise<void> => {
    this.#assertOpen();
    await this.#welcomesTable.catchUp();
    await inGroups(this.#index.of(channel), (waiting) => this.#removeKey(welcomeKey(channel, waiting)));
  };

  async expire(): Promise<void> {
    this.#assertOpen();
    const now = this.#expiryNow();
    const keys = this.#index.expired(now).map((waiting) => welcomeKey(waiting.channel, waiting));
    const claims = this.#claims.before(now - this.#index.ttlMs);
    await inGroups(keys, (key) => this.#removeKey(key));
    await inGroups(claims, (key) => this.#claimsTable.remove(key));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await closeAll(
      () => this.#welcomesTable.close(),
      () => this.#claimsTable.close(),
    );
  }

  /** Stores one recipient's Welcome unless it waits already, here or where another server has just stored it. */
  async #putOne(waiting: Waiting, payload: Uint8Array): Promise<void> {
    const key = welcomeKey(waiting.channel, waiting);
    for (let attempt = 0; attempt < ATTEMPTS && !this.#byKey.has(key); attempt++) {
      const isStored = await this.#welcomesTable.put(key, payload, encodeNote(waiting), this.#welcomesTable.revisionOf(key));
      if (isStored) return;
      await this.#welcomesTable.catchUp();
    }
    if (!this.#byKey.has(key)) throw new StorageError("storage_failed", "Other servers wrote this Welcome again and again");
  }

  async #removeKey(key: string): Promise<void> {
    if (this.#byKey.has(key)) await this.#welcomesTable.remove(key);
  }

  async #claimOne(key: string, accountId: string): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const owner = this.#claims.ownerOf(key);
      if (owner !== undefined) return owner === accountId;
      const value = Buffer.from(JSON.stringify({ accountId, at: this.#expiryNow() }));
      if (!(await this.#claimsTable.put(key, value, "", this.#claimsTable.revisionOf(key)))) await this.#claimsTable.catchUp();
    }
    throw new StorageError("storage_failed", "Other servers wrote this claim again and again");
  }

  #takeWelcome({ key, note, revision }: TableEntry): void {
    const waiting = decodeNote(note);
    if (waiting === undefined) return;
    this.#byKey.set(key, { waiting, revision });
    this.#index.add(waiting);
    this.#index.notify(waiting.channel, [waiting.recipient]);
  }

  #dropWelcome(key: string): void {
    const known = this.#byKey.get(key);
    this.#byKey.delete(key);
    if (known !== undefined) this.#index.remove(known.waiting.channel, known.waiting);
  }

  #takeClaim(key: string, value: Uint8Array): void {
    const { accountId, at } = JSON.parse(Buffer.from(value).toString()) as { accountId: string; at: number };
    this.#claims.load(key, { accountId, at });
  }

  #assertOpen(): void {
    if (this.#closed) throw new StorageError("storage_failed", "The store of Welcomes is closed");
  }
}

/** Runs a task for each item, some at a time. */
async function inGroups<T, R>(items: readonly T[], task: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += PARALLEL) {
    results.push(...(await Promise.all(items.slice(start, start + PARALLEL).map((item) => task(item)))));
  }
  return results;
}
