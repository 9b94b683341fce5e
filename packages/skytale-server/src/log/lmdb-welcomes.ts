import { Mutex } from "@parley/core/internal";
import { createHash } from "node:crypto";
import { type Environment, isRecordDamaged, StorageError, type Table, type WriteQueue } from "@parley/storage";
import type { WelcomeOptions } from "./memory-welcomes.ts";
import { type WelcomeClaim, WelcomeClaims } from "./welcome-claims.ts";
import { type Waiting, welcomeId, WelcomeIndex } from "./welcome-index.ts";
import type { NewWelcome, StoredWelcome, WelcomeId, WelcomeStore } from "./welcome-store.ts";

interface Row {
  readonly channel: string;
  readonly recipient: string;
  readonly id: string;
  readonly length: number;
  readonly recordedAt: number;
  readonly publisher?: string | undefined;
}

/**
 * Welcomes in a server's data directory. Tables: `welcomes` (channel, recipient, id → row), `welcome-payloads` (id → payload),
 * `welcome-claims` (channel, recipient → account). An index in memory is updated once a change is durable.
 */
export class LmdbWelcomes implements WelcomeStore {
  readonly #rows: Table;
  readonly #payloads: Table;
  readonly #writes: WriteQueue;
  readonly #index: WelcomeIndex;
  readonly #claimRows: Table;
  readonly #claims: WelcomeClaims;
  readonly #now: () => number;
  readonly #expiryNow: () => number;
  /** One change after the other, so that what a payload is kept for is known when it is decided on. */
  readonly #mutex = new Mutex();
  #closed = false;

  private constructor(environment: Environment, options: WelcomeOptions) {
    this.#rows = environment.table("welcomes");
    this.#payloads = environment.table("welcome-payloads");
    this.#writes = environment.writes;
    this.#index = new WelcomeIndex(options.limits);
    this.#claimRows = environment.table("welcome-claims");
    this.#claims = new WelcomeClaims({
      put: (key, claim) => this.#writes.put(this.#claimRows, Buffer.from(key, "hex"), Buffer.from(JSON.stringify(claim))),
      remove: (key) => this.#writes.remove(this.#claimRows, Buffer.from(key, "hex")),
    });
    this.#now = options.now ?? Date.now;
    this.#expiryNow = options.expiryNow ?? this.#now;
    this.#load();
  }

  /**
   * Opens the welcomes of an environment, one at a time per environment. Closing them leaves the environment open.
   *
   * @throws StorageError `storage_failed`, `data_dir_unusable`
   */
  static open(environment: Environment, options: WelcomeOptions = {}): LmdbWelcomes {
    return new LmdbWelcomes(environment, options);
  }

  put(channel: string, welcome: NewWelcome): Promise<boolean> {
    return this.#change(async () => {
      if (!this.#index.hasRoomFor(channel, welcome)) return false;
      const { recipients, payload, publisher } = welcome;
      const id = welcomeId(channel, payload);
      const recordedAt = this.#now();
      const added = recipients.map((recipient): Waiting => ({ channel, recipient, id, length: payload.length, recordedAt, publisher }));
      const known = new Set(this.#index.find(channel, recipients).map((waiting) => rowKey(channel, waiting).toString("hex")));
      const fresh = added.filter((waiting) => !known.has(rowKey(channel, waiting).toString("hex")));
      if (fresh.length > 0) {
        this.#writes.put(this.#payloads, id, payload);
        for (const waiting of fresh) this.#writes.put(this.#rows, rowKey(channel, waiting), record(waiting));
        await this.#writes.flush();
      }
      for (const waiting of fresh) this.#index.add(waiting);
      this.#index.notify(channel, recipients);
      return true;
    });
  }

  async fetch(channel: string, recipients: readonly Uint8Array[], maxBytes: number): Promise<readonly StoredWelcome[]> {
    if (this.#closed) throw closedError();
    const found: StoredWelcome[] = [];
    let bytes = 0;
    for (const { id, recipient, recordedAt, length } of this.#index.find(channel, recipients)) {
      bytes += length;
      if (bytes > maxBytes && found.length > 0) break;
      const payload = this.#readPayload(id);
      // A removal is on disk a moment before it is known here.
      if (payload !== undefined) found.push({ id, recipient, payload, recordedAt });
    }
    return found;
  }

  acknowledge(channel: string, welcomes: readonly WelcomeId[]): Promise<void> {
    return this.#remove(welcomes.map((welcome) => ({ channel, ...welcome })));
  }

  readonly clear = (channel: string): Promise<void> => this.#remove(this.#index.of(channel));

  watch(channel: string, recipients: readonly Uint8Array[], listener: () => void): () => void {
    return this.#index.watch(channel, recipients, listener);
  }

  async claim(channel: string, recipients: readonly Uint8Array[], accountId: string): Promise<boolean> {
    if (this.#closed) throw closedError();
    const at = this.#expiryNow();
    const claimed = recipients.map((recipient) => ({ recipient, ...this.#claims.claim(channel, recipient, { accountId, at }) }));
    const fresh = claimed.filter(({ isNew }) => isNew);
    if (fresh.length > 0) {
      try {
        await this.#writes.flush();
      } catch (error) {
        for (const { recipient } of fresh) this.#claims.revert(channel, recipient);
        throw error;
      }
    }
    return claimed.every(({ isOwn }) => isOwn);
  }

  storedBytes(publisher: string): number {
    return this.#index.storedBytes(publisher);
  }

  async expire(): Promise<void> {
    if (this.#claims.expire(this.#expiryNow() - this.#index.ttlMs)) await this.#writes.flush();
    await this.#remove(this.#index.expired(this.#expiryNow()));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#mutex.idle();
  }

  #load(): void {
    const damaged: Uint8Array[] = [];
    const onDamaged = (key: Uint8Array): void => void damaged.push(Uint8Array.from(key));
    for (const { key, value } of this.#rows.getRange({ onDamaged })) {
      const waiting = waitingOf(value);
      if (waiting === undefined) onDamaged(key);
      else this.#index.add(waiting);
    }
    for (const key of damaged) this.#rows.setAside(this.#writes, key);
    this.#loadClaims();
  }

  #loadClaims(): void {
    const stored: (readonly [key: string, claim: WelcomeClaim])[] = [];
    // A damaged claim is dropped: the next account that fetches Welcomes of its recipient gets the claim.
    for (const { key, value } of this.#claimRows.getRange({ onDamaged: () => undefined })) {
      stored.push([Buffer.from(key).toString("hex"), JSON.parse(Buffer.from(value).toString()) as WelcomeClaim]);
    }
    for (const [key, claim] of stored.toSorted(([, left], [, right]) => left.at - right.at)) this.#claims.load(key, claim);
  }

  /** `undefined` when it is not there or damaged: the other welcomes can be read. A damaged one stays until it expires. */
  #readPayload(id: Uint8Array): Uint8Array | undefined {
    try {
      return this.#payloads.get(id);
    } catch (error) {
      if (isRecordDamaged(error)) return undefined;
      throw error;
    }
  }

  #remove(welcomes: readonly (WelcomeId & { readonly channel: string })[]): Promise<void> {
    return this.#change(async () => {
      const removed: Waiting[] = [];
      for (const welcome of welcomes) {
        const found = this.#index.remove(welcome.channel, welcome);
        if (found === undefined) continue;
        removed.push(found.waiting);
        this.#writes.remove(this.#rows, rowKey(welcome.channel, welcome));
        if (found.payloadToo) this.#writes.remove(this.#payloads, welcome.id);
      }
      if (removed.length === 0) return;
      try {
        await this.#writes.flush();
      } catch (error) {
        for (const waiting of removed) this.#index.add(waiting);
        throw error;
      }
    });
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#mutex.run(work);
  }
}

/** Hashed: names and references are of any length, and a key isn't. */
function rowKey(channel: string, { id, recipient }: WelcomeId): Buffer {
  return createHash("sha256")
    .update(`${Buffer.byteLength(channel)} ${recipient.length} ${channel}`)
    .update(recipient)
    .update(id)
    .digest();
}

function record({ channel, recipient, id, length, recordedAt, publisher }: Waiting): Buffer {
  const row: Row = {
    channel,
    recipient: Buffer.from(recipient).toString("base64"),
    id: Buffer.from(id).toString("base64"),
    length,
    recordedAt,
    publisher,
  };
  return Buffer.from(JSON.stringify(row));
}

/** Reads a row of the table `welcomes`; `undefined` when it is damaged. */
export function waitingOf(value: Uint8Array): Waiting | undefined {
  try {
    const row = JSON.parse(Buffer.from(value).toString()) as Row;
    return { ...row, recipient: bytesOf(row.recipient), id: bytesOf(row.id) };
  } catch {
    return undefined;
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, "base64"));
}

function closedError(): StorageError {
  return new StorageError("storage_failed", "The welcomes are closed");
}
