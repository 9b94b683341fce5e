import { isJsonObject, type JsonObject } from "@parley/core";
import { deferred, type Deferred, isJsonArray } from "@parley/core/internal";
import {
  type JetstreamConnection,
  Leases,
  type LogApplication,
  LogStreams,
  type LogRecord,
  RECORD_OVERHEAD,
  SharedLog,
  sizeInRecord,
  Snapshots,
} from "@parley/jetstream";
import { StorageError } from "@parley/storage";
import { conflict } from "./registry-error.ts";
import { assertChanges, type Registry, type RegistryChange, type RegistryEntry, type RegistryListOptions } from "./registry.ts";
import { SortedEntries } from "./sorted-entries.ts";

/** A commit that waits for its place in the log. */
interface Job {
  readonly expectations: readonly (readonly [key: string, expected: string | undefined])[];
  readonly keys: readonly string[];
  /** The changes as JSON; `undefined` if the commit only checks. */
  readonly entry: Uint8Array | undefined;
  readonly done: Deferred<void>;
}

/** A record that was written, or removed: `undefined`. */
export type RegistryNews = readonly [key: string, record: JsonObject | undefined];

/** Learns what was committed together. It must not throw. */
export type RegistryListener = (changes: readonly RegistryNews[]) => void;

/** Options of a registry that several servers share. */
export interface JetstreamRegistryOptions {
  /** Commits after which the registry is written as a whole, so that old ones can be removed. Default 10,000. */
  readonly snapshotEvery?: number | undefined;
}

const KEY = "registry";
const SNAPSHOT_LEASE = "snapshot";
const DEFAULT_SNAPSHOT_EVERY = 10_000;
const MAX_RECORD_BYTES = 1024 * 1024;
const MAX_COMMITS = 1000;
const MAX_RECORDS = 100_000;
const CHUNK_CHARACTERS = 256 * 1024;
/** Attempts to load a snapshot and the log after it, while another server replaces the snapshot and purges the log. */
const LOAD_ATTEMPTS = 5;

/**
 * Records in NATS JetStream, which any number of servers read and change. All commits are entries of one {@link SharedLog}, and every
 * server has all records in memory. An expectation counts as it is at the commit's place in the log. A revision is the number of the entry.
 *
 * If a record is missing or contradicts an expectation, the server first reads the stream to its end and checks again. So it sees every
 * record that another server has acknowledged.
 */
export class JetstreamRegistry implements Registry, LogApplication {
  readonly #connection: JetstreamConnection;
  readonly #streams: LogStreams;
  readonly #snapshots: Snapshots;
  readonly #leases: Leases;
  readonly #snapshotEvery: number;
  readonly #entries = new SortedEntries();
  /** Number of the next entry. */
  #next = 1;
  /** Number before which the latest snapshot known here has all entries. */
  #snapshot = 1;
  #records: { readonly seq: number; readonly first: number }[] = [];
  /** Entries between the snapshot and the log were purged: a newer snapshot has them. */
  #isBehind = false;
  #jobs: Job[] = [];
  #running: Promise<void> | undefined;
  #log!: SharedLog;
  #closed = false;
  readonly #listeners: RegistryListener[] = [];

  private constructor(
    connection: JetstreamConnection,
    stores: { readonly streams: LogStreams; readonly snapshots: Snapshots; readonly leases: Leases },
    options: JetstreamRegistryOptions,
  ) {
    this.#connection = connection;
    this.#streams = stores.streams;
    this.#snapshots = stores.snapshots;
    this.#leases = stores.leases;
    this.#snapshotEvery = options.snapshotEvery ?? DEFAULT_SNAPSHOT_EVERY;
  }

  /**
   * Opens the registry on a connection, which stays open when it is closed.
   *
   * @throws StorageError `storage_failed`; JetstreamError `streams_unavailable`
   */
  static async open(connection: JetstreamConnection, options: JetstreamRegistryOptions = {}): Promise<JetstreamRegistry> {
    const streams = await LogStreams.open(connection, { name: "registry", shards: 1 });
    const snapshots = await Snapshots.open(connection, "snapshot");
    const leases = await Leases.open(connection, { name: "leases" });
    const registry = new JetstreamRegistry(connection, { streams, snapshots, leases }, options);
    await registry.#load();
    return registry;
  }

  async get(key: string): Promise<RegistryEntry | undefined> {
    const found = this.#entries.get(key);
    if (found !== undefined && !this.#isBehind) return found;
    await this.#catchUp();
    return this.#entries.get(key);
  }

  async list(prefix: string, options: RegistryListOptions): Promise<readonly RegistryEntry[]> {
    const found = this.#entries.list(prefix, options);
    if (found.length > 0 && !this.#isBehind) return found;
    await this.#catchUp();
    return this.#entries.list(prefix, options);
  }

  async commit(changes: readonly RegistryChange[]): Promise<void> {
    assertChanges(changes);
    if (this.#closed) throw closedError();
    const written = changes.flatMap(({ key, record }) => (record === undefined ? [] : [[key, record] as const]));
    const job: Job = {
      expectations: changes.map(({ key, expected }) => [key, expected] as const),
      keys: written.map(([key]) => key),
      entry: written.length === 0 ? undefined : Buffer.from(JSON.stringify(written)),
      done: deferred<void>(),
    };
    if (sizeInRecord(job.entry ?? new Uint8Array()) > this.#maxRecordBytes)
      throw new StorageError("storage_failed", "The commit is too large");
    this.#jobs.push(job);
    this.#running ??= this.#run();
    await job.done.promise;
  }

  /** Calls the listener for each further commit, by this server or another. Commits that reach this server in a snapshot are left out. */
  onChanges(listener: RegistryListener): void {
    this.#listeners.push(listener);
  }

  /** Finishes the commits under way and rejects everything after. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#log.close();
  }

  restore(): void {
    // The snapshot has the state.
  }

  apply({ seq, first, count, entries }: LogRecord): void {
    if (first > this.#next) this.#isBehind = true;
    if (this.#isBehind) return;
    this.#records.push({ seq, first });
    // On a server that commits nothing and so writes no snapshots.
    if (this.#records.length > MAX_RECORDS) this.#records = this.#records.slice(MAX_RECORDS / 2);
    for (const [index, entry] of (entries ?? []).entries())
      if (first + index >= this.#next) this.#applyCommit(entry, String(first + index));
    this.#next = Math.max(this.#next, first + count);
  }

  /** Marks that readers can begin here, with a snapshot. */
  state(): Uint8Array {
    return new Uint8Array();
  }

  now(): number {
    return Date.now();
  }

  get #maxRecordBytes(): number {
    return Math.min(MAX_RECORD_BYTES, this.#connection.maxPayload - RECORD_OVERHEAD);
  }

  #applyCommit(entry: Uint8Array, revision: string): void {
    const news: RegistryNews[] = [];
    for (const [key, written] of readRows(entry)) {
      if (typeof key !== "string") continue;
      const record = isJsonObject(written) ? written : undefined;
      if (record === undefined) this.#entries.delete(key);
      else this.#entries.set({ key, record, revision });
      news.push([key, record]);
    }
    for (const listener of this.#listeners) listener(news);
  }

  async #run(): Promise<void> {
    // Commits of the same turn of the event loop share a record.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#jobs.length > 0) await this.#commitSome();
    this.#running = undefined;
    await this.#writeSnapshot().catch(() => undefined);
  }

  /** Commits the jobs that wait, up to the size of a record. Never rejects. */
  async #commitSome(): Promise<void> {
    let decided: (readonly [Job, boolean])[] = [];
    try {
      if (this.#isBehind || this.#decide().some(([, holds]) => !holds)) await this.#catchUp();
      await this.#log.append(() => {
        decided = this.#decide();
        const entries = decided.flatMap(([{ entry }, holds]) => (holds && entry !== undefined ? [entry] : []));
        return entries.length === 0 ? undefined : { entries };
      });
    } catch (error) {
      for (const { done } of this.#jobs.splice(0, Math.max(1, decided.length))) done.reject(error);
      return;
    }
    this.#jobs.splice(0, decided.length);
    for (const [{ done }, holds] of decided) {
      if (holds) done.resolve();
      else done.reject(conflict());
    }
  }

  /** Whether the expectations of each job hold, after those before it. */
  #decide(): (readonly [Job, boolean])[] {
    const decided: (readonly [Job, boolean])[] = [];
    const changed = new Set<string>();
    let bytes = 0;
    for (const job of this.#jobs) {
      bytes += job.entry === undefined ? 0 : sizeInRecord(job.entry);
      if (decided.length > 0 && (bytes > this.#maxRecordBytes || decided.length >= MAX_COMMITS)) break;
      // If an earlier commit of this record changes the key, no caller can have its new revision yet.
      const holds = job.expectations.every(([key, expected]) => !changed.has(key) && this.#entries.get(key)?.revision === expected);
      if (holds) for (const key of job.keys) changed.add(key);
      decided.push([job, holds]);
    }
    return decided;
  }

  async #catchUp(): Promise<void> {
    await this.#log.catchUp();
    if (this.#isBehind) await this.#reload();
  }

  async #reload(): Promise<void> {
    await this.#log.close();
    await this.#load();
  }

  /** Reads the snapshot and opens the log. */
  async #load(): Promise<void> {
    for (let attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
      await this.#readSnapshot();
      this.#log = await SharedLog.open(this.#connection, this.#streams.placeOf(KEY), this, { withEntries: true });
      if (!this.#isBehind) return;
      await this.#log.close();
    }
    throw new StorageError("storage_failed", "The registry's log begins after its snapshot");
  }

  async #readSnapshot(): Promise<void> {
    const snapshot = await this.#snapshots.read();
    this.#entries.clear();
    this.#records = [];
    this.#isBehind = false;
    this.#next = snapshot?.label ?? 1;
    this.#snapshot = this.#next;
    for (const chunk of snapshot?.chunks ?? []) {
      for (const [key, revision, record] of readRows(chunk)) {
        if (typeof key === "string" && typeof revision === "string" && isJsonObject(record)) this.#entries.set({ key, record, revision });
      }
    }
  }

  /** Writes a snapshot when many commits came since the last one, on one server. Removes the commits from before the last one. */
  async #writeSnapshot(): Promise<void> {
    if (this.#closed || this.#next - this.#snapshot < this.#snapshotEvery) return;
    const lease = await this.#leases.acquire(SNAPSHOT_LEASE);
    if (lease === undefined) return;
    try {
      const before = (await this.#snapshots.read())?.label ?? 1;
      if (this.#next - before < this.#snapshotEvery) {
        this.#snapshot = before;
        return;
      }
      const label = this.#next;
      await this.#snapshots.write({ label, chunks: chunksOf(this.#entries.all()) });
      this.#snapshot = label;
      // A server that reads the snapshot before this one at the moment finds the log complete.
      const kept = this.#records.findLast(({ first }) => first <= before);
      if (kept !== undefined) await this.#log.purgeBefore(kept.seq);
      this.#records = this.#records.filter(({ first }) => first >= (kept?.first ?? 0));
    } finally {
      await lease.release();
    }
  }
}

function chunksOf(entries: readonly RegistryEntry[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let rows: string[] = [];
  let characters = 0;
  const flush = (): void => {
    if (rows.length > 0) chunks.push(Buffer.from(`[${rows.join(",")}]`));
    rows = [];
    characters = 0;
  };
  for (const { key, revision, record } of entries) {
    const row = JSON.stringify([key, revision, record] satisfies readonly [string, string, JsonObject]);
    rows.push(row);
    characters += row.length;
    if (characters >= CHUNK_CHARACTERS) flush();
  }
  flush();
  return chunks;
}

function readRows(bytes: Uint8Array): (readonly unknown[])[] {
  const rows: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  return isJsonArray(rows) ? rows.filter(isJsonArray) : [];
}

function closedError(): StorageError {
  return new StorageError("storage_failed", "The registry is closed");
}
