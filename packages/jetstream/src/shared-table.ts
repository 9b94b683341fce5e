import { headers as newHeaders, type MsgHdrs } from "@nats-io/nats-core";
import { deferred, type Deferred, runWithin } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import type { JetstreamConnection } from "./connection.ts";
import { API, asStorageError, closedError, hasApiCode } from "./failures.ts";
import { Leases } from "./leases.ts";
import { RemovedKeys } from "./removed-keys.ts";
import { StreamReader, type StreamMessage } from "./stream-reader.ts";
import { ensureStreams } from "./streams.ts";

/** A table's name, and how its entries are kept. */
export interface TableOptions {
  /** Names the stream and its subjects: 1 to 16 characters of `a-z 0-9`. */
  readonly name: string;
  /** Followers receive entries without their values, which {@link SharedTable.read} gets. Default false. */
  readonly withoutValues?: boolean | undefined;
  /** JetStream removes entries after this time, in milliseconds; followers are not told. Default: never. */
  readonly maxAgeMs?: number | undefined;
  /** How long the stream remembers that a key was removed, in milliseconds. The same for all servers. Default: an hour. */
  readonly keepRemovedMs?: number | undefined;
}

/** The present value of a key. */
export interface TableEntry {
  readonly key: string;
  /** Changes with every write of the key, and grows. */
  readonly revision: number;
  /** Small data that followers receive with and without values. */
  readonly note: string;
  /** Empty without values. */
  readonly value: Uint8Array;
}

/** Learns of every change, of this server and of others; of the present entries first. It must not throw. */
export interface TableListener {
  onEntry(entry: TableEntry): void;
  onRemoved(key: string): void;
}

const NOTE = "Parley-Note";
const REMOVED = "Parley-Removed";
const NANOSECONDS = 1e6;
const DEFAULT_KEEP_REMOVED_MS = 60 * 60_000;
/** Part of `keepRemovedMs` after which old marks are looked for, and after which a server that has read nothing may have missed some. */
const LOOK_AFTER = 1 / 60;
const SHORTEST_LOOK_MS = 100;
const MISSED_AFTER = 1 / 2;
/** Marks that are purged in one look, and at the same time. */
const MAX_PURGED = 1000;
const PARALLEL = 16;
/** After this time without the change that a reader waits for, it is asked of the leader, in milliseconds. */
const ASK_AFTER_MS = 2000;

/**
 * Values by key, of which every server has the keys in memory and learns of each change. A key is one or more tokens of `A-Z a-z 0-9 - _`,
 * joined by dots; JetStream stores the last value of each. A removed key leaves a mark there, from which the servers learn of it. One of them purges the marks that
 * are old.
 */
export class SharedTable {
  readonly #connection: JetstreamConnection;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #listener: TableListener;
  readonly #options: TableOptions;
  readonly #reader: StreamReader;
  /** Of all keys, those removed recently too. */
  readonly #revisions = new Map<string, number>();
  readonly #removed = new RemovedKeys();
  readonly #keepRemovedMs: number;
  /** When it was last known that no change was missed, in milliseconds since 1970. */
  #confirmedAt = Date.now();
  #leases!: Leases;
  #stop: () => void = () => undefined;
  /** Stream sequence up to which changes have arrived, and those who wait for one. */
  #position = 0;
  #waiting: { readonly seq: number; readonly done: Deferred<void> }[] = [];
  #catchingUp: Promise<void> | undefined;
  readonly #closed = new AbortController();

  private constructor(connection: JetstreamConnection, options: TableOptions, listener: TableListener) {
    this.#connection = connection;
    this.#options = options;
    this.#stream = `${connection.prefix}_${options.name}`.toUpperCase();
    this.#prefix = `${connection.prefix}.${options.name}.`;
    this.#listener = listener;
    this.#keepRemovedMs = options.keepRemovedMs ?? DEFAULT_KEEP_REMOVED_MS;
    this.#reader = new StreamReader(connection, this.#stream);
  }

  /**
   * Creates the table's stream unless it exists, and follows it. The listener has all entries when this resolves.
   *
   * @throws JetstreamError `streams_unavailable`; StorageError `storage_failed`
   */
  static async open(connection: JetstreamConnection, options: TableOptions, listener: TableListener): Promise<SharedTable> {
    const table = new SharedTable(connection, options, listener);
    await ensureStreams(connection, [
      {
        name: table.#stream,
        subjects: [`${table.#prefix}>`],
        max_msgs_per_subject: 1,
        ...(options.maxAgeMs === undefined ? {} : { max_age: options.maxAgeMs * NANOSECONDS }),
      },
    ]);
    table.#leases = await Leases.open(connection, { name: "tables" });
    void table.#follow();
    await table.catchUp();
    table.#startLooking();
    return table;
  }

  /** The revision of a key, also of one that was removed recently; else 0. */
  revisionOf(key: string): number {
    return this.#revisions.get(key) ?? 0;
  }

  /**
   * Writes a key, if it still has the expected revision. The listener has the change when this resolves.
   *
   * @param expected default: whatever it has.
   * @returns whether it was written. A call that was repeated after an outage may return false although it was.
   * @throws StorageError `storage_failed`: it may not be known whether the key was written.
   */
  put(key: string, value: Uint8Array, note = "", expected?: number): Promise<boolean> {
    const headers = newHeaders();
    if (note !== "") headers.set(NOTE, note);
    return this.#publish(key, value, headers, expected);
  }

  /** Removes a key, as {@link put} writes one. */
  remove(key: string, expected?: number): Promise<boolean> {
    const headers = newHeaders();
    headers.set(REMOVED, "1");
    return this.#publish(key, new Uint8Array(), headers, expected);
  }

  /** The value of a key at a revision; `undefined` if it has changed since. @throws StorageError `storage_failed` */
  async read(revision: number): Promise<Uint8Array | undefined> {
    try {
      return (await this.#reader.get(revision))?.body;
    } catch (error) {
      throw asStorageError("A value cannot be read", error);
    }
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** Waits until the listener has every change that was stored before this call. Calls share reads. @throws StorageError `storage_failed` */
  async catchUp(): Promise<void> {
    // A read that has begun may have missed the latest ones.
    await this.#catchingUp?.catch(() => undefined);
    this.#catchingUp ??= this.#readUpToNow().finally(() => {
      this.#catchingUp = undefined;
    });
    await this.#catchingUp;
  }

  /** Stops to follow the table. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#stop();
    for (const { done } of this.#waiting) done.reject(closedError());
    this.#waiting = [];
  }

  async #readUpToNow(): Promise<void> {
    try {
      const last = await this.#reader.last(`${this.#prefix}>`);
      if (last === undefined || last.seq <= this.#position) return;
      const done = deferred<void>();
      this.#waiting.push({ seq: last.seq, done });
      const asking = setTimeout(() => void this.#askLeader(last.seq).catch(() => undefined), ASK_AFTER_MS);
      try {
        await runWithin({ timeoutMs: this.#connection.patienceMs, onTimeout: lateError }, () => done.promise);
      } finally {
        clearTimeout(asking);
      }
    } catch (error) {
      throw asStorageError("A table cannot be read", error);
    }
  }

  async #publish(key: string, value: Uint8Array, headers: MsgHdrs, expected: number | undefined): Promise<boolean> {
    if (this.#isClosed) throw closedError();
    try {
      const send = () => this.#connection.publish(this.#prefix + key, value, { stream: this.#stream, headers, expected });
      const seq = await this.#connection.retry(this.#stream, send);
      this.#take(key, seq, headers, this.#options.withoutValues === true ? new Uint8Array() : value);
      return true;
    } catch (error) {
      if (!hasApiCode(error, API.wrongLastSequence)) throw asStorageError("A table cannot be written", error);
      await this.#refresh(key);
      return false;
    }
  }

  /** Another server has written the key, or purged its mark. @throws StorageError `storage_failed` */
  async #refresh(key: string): Promise<void> {
    const known = this.revisionOf(key);
    try {
      const last = await this.#reader.last(this.#prefix + key);
      if (last !== undefined)
        this.#take(key, last.seq, last.headers, this.#options.withoutValues === true ? new Uint8Array() : (last.body ?? new Uint8Array()));
      else if (this.revisionOf(key) === known) this.#forget(key);
    } catch (error) {
      throw asStorageError("A table cannot be read", error);
    }
  }

  /** The stream has nothing of a key. */
  #forget(key: string): void {
    const isPresent = this.#revisions.delete(key) && !this.#removed.has(key);
    this.#removed.delete(key);
    if (isPresent) this.#listener.onRemoved(key);
  }

  #startLooking(): void {
    const { nc, closed } = this.#connection;
    // Purged marks need not be purged by this server. If it does not learn of them, it tries, and finds nothing.
    const subscription = nc.subscribe(this.#purgedSubject, {
      callback: (error, message) => {
        if (error === null) this.#onPurged(parse(message.data));
      },
    });
    let isLooking = false;
    const everyMs = Math.max(SHORTEST_LOOK_MS, this.#keepRemovedMs * LOOK_AFTER);
    const timer = setInterval(() => {
      if (isLooking || closed.aborted) return;
      isLooking = true;
      // The next look repeats it.
      this.#look()
        .catch(() => undefined)
        .finally(() => (isLooking = false));
    }, everyMs).unref();
    const stop = (): void => {
      clearInterval(timer);
      subscription.unsubscribe();
    };
    closed.addEventListener("abort", stop);
    this.#stop = () => {
      closed.removeEventListener("abort", stop);
      stop();
    };
  }

  async #look(): Promise<void> {
    const startedAt = Date.now();
    await this.catchUp();
    if (startedAt - this.#confirmedAt > MISSED_AFTER * this.#keepRemovedMs) await this.#findMissed();
    this.#confirmedAt = startedAt;
    if (this.#oldMarks().length === 0) return;
    const lease = await this.#leases.acquire(this.#options.name);
    if (lease === undefined) return;
    try {
      await this.#purge(lease.lost);
    } finally {
      await lease.release();
    }
  }

  /** Marks may have been purged before this server has read them. */
  async #findMissed(): Promise<void> {
    const upTo = this.#position;
    const { state } = await this.#connection.jsm.streams.info(this.#stream, { subjects_filter: `${this.#prefix}>` });
    for (const [key, revision] of this.#revisions)
      if (revision <= upTo && state.subjects?.[this.#prefix + key] === undefined) this.#forget(key);
  }

  /** The last message of the stream stays: a server that opens the table waits for it. */
  #oldMarks(): ReturnType<RemovedKeys["before"]> {
    return this.#removed.before(Date.now() - this.#keepRemovedMs, this.#position, MAX_PURGED);
  }

  async #purge(lost: AbortSignal): Promise<void> {
    const next = this.#oldMarks().values();
    const purged: [key: string, revision: number][] = [];
    const { jsm, nc } = this.#connection;
    const worker = async (): Promise<void> => {
      for (const { key, revision } of next) {
        if (lost.aborted || this.#isClosed) return;
        // A value that was written since then stays.
        await jsm.streams.purge(this.#stream, { filter: this.#prefix + key, seq: revision + 1 });
        purged.push([key, revision]);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    // This server receives it, too.
    nc.publish(this.#purgedSubject, JSON.stringify(purged));
  }

  /** A server has purged marks. */
  #onPurged(purged: unknown): void {
    if (!Array.isArray(purged)) return;
    for (const [key, revision] of purged as [string, number][])
      if (this.#removed.has(key) && this.revisionOf(key) === revision) this.#forget(key);
  }

  get #purgedSubject(): string {
    return `${this.#connection.prefix}.table-purged.${this.#options.name}`;
  }

  async #follow(): Promise<void> {
    const { closed, patienceMs } = this.#connection;
    while (!this.#isClosed && !closed.aborted) {
      try {
        const { withoutValues = false } = this.#options;
        const messages = this.#reader.messages(
          `${this.#prefix}>`,
          this.#position,
          Number.POSITIVE_INFINITY,
          withoutValues,
          this.#closed.signal,
        );
        for await (const message of messages) this.#receive(message);
      } catch {
        // The stream has no leader at present.
      }
      if (!this.#isClosed) await this.#connection.recovered(this.#stream, performance.now() + patienceMs);
    }
  }

  /** Reads changes one by one from the leader: the server that sends them may have stopped replicating. */
  async #askLeader(upTo: number): Promise<void> {
    while (this.#position < upTo) {
      const next = await this.#reader.next(`${this.#prefix}>`, this.#position);
      if (next === undefined) return;
      this.#receive(next);
    }
  }

  #receive({ subject, seq, headers, body, at }: StreamMessage): void {
    const value = this.#options.withoutValues === true || body === undefined ? new Uint8Array() : body;
    this.#take(subject.slice(this.#prefix.length), seq, headers, value, at);
    this.#position = Math.max(this.#position, seq);
    const arrived = this.#waiting.filter((one) => one.seq <= this.#position);
    if (arrived.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => one.seq > this.#position);
    for (const { done } of arrived) done.resolve();
  }

  /** A key's changes count in the order of their revisions, from wherever they come first. */
  #take(key: string, revision: number, headers: MsgHdrs | undefined, value: Uint8Array, at: number = Date.now()): void {
    if (revision <= this.revisionOf(key)) return;
    this.#revisions.set(key, revision);
    if (headers?.has(REMOVED) === true) {
      this.#removed.add(key, { revision, at });
      this.#listener.onRemoved(key);
      return;
    }
    this.#removed.delete(key);
    this.#listener.onEntry({ key, revision, note: headers?.get(NOTE) ?? "", value });
  }
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
  } catch {
    return undefined;
  }
}

function lateError(): StorageError {
  return new StorageError("storage_failed", "NATS did not send the changes of a table in time");
}
