import { randomBytes } from "node:crypto";
import type { MsgHdrs } from "@nats-io/nats-core";
import { Mutex, sleep } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import type { JetstreamConnection } from "./connection.ts";
import { API, asStorageError, closedError, hasApiCode, isTransient } from "./failures.ts";
import { followFeed } from "./feed.ts";
import { decodeEntries, decodeHead, encodeRecord, type NewRecord, type RecordHead } from "./record.ts";
import { RecordView } from "./record-view.ts";
import { StreamReader } from "./stream-reader.ts";

/** Where a log is: one subject of a stream, and the subject on which the stream republishes it. */
export interface LogPlace {
  readonly stream: string;
  readonly subject: string;
  readonly feed: string;
}

/** A record in its place. */
export interface LogRecord {
  /** Its stream sequence, which names it in {@link SharedLog.read} and {@link SharedLog.purgeBefore}. */
  readonly seq: number;
  /** Number of its first entry. */
  readonly first: number;
  readonly count: number;
  /** Bytes of all entries. */
  readonly bytes: number;
  /** The writer's clock, in milliseconds since 1970. */
  readonly at: number;
  readonly head: Uint8Array;
  /** May be absent while the log is opened, unless the option `withEntries` is set. */
  readonly entries?: readonly Uint8Array[] | undefined;
}

/** What an application derives from a log's records. The same records lead every server to the same. */
export interface LogApplication {
  /** Takes over a state that {@link state} returned, perhaps on another server. All records before it were purged. */
  restore(state: Uint8Array): void;
  /** Takes over the next record. It must not throw. */
  apply(record: LogRecord): void;
  /** Everything that is derived from the records so far and must outlive their purge. */
  state(): Uint8Array;
  /** The clock, in milliseconds since 1970. */
  now(): number;
}

/** How a log is opened. */
export interface OpenLogOptions {
  /** Reads the entries of existing records too, not only their heads. Default false. */
  readonly withEntries?: boolean | undefined;
}

/** Entries to append together. */
export interface RecordDraft {
  /** None: a record about the log itself, which takes no number. */
  readonly entries: readonly Uint8Array[];
  readonly head?: Uint8Array | undefined;
  /** The record carries the application's state, so that all records before it can be purged. Default: every 32nd does. */
  readonly withState?: boolean | undefined;
}

/** A record without state comes after the 32nd since the last one with it. */
const STATE_EVERY = 32;
/** Missing records up to this number are read one by one; a consumer costs about as much as that many reads. */
const READ_SINGLY = 64;
const READ_SINGLY_AT_OPEN = 4;
const CONFLICT_PAUSE_MS = 5;
const ID_BYTES = 9;

/**
 * A log of one subject that several servers write and read.
 *
 * Each record names the record that its writer knew as the last one. Readers skip a record that names another one ({@link RecordView}), so
 * the order of the stream alone decides, and all servers have the same entries under the same numbers. JetStream's own check of the expected
 * sequence only saves useless writes.
 */
export class SharedLog {
  readonly #connection: JetstreamConnection;
  readonly #place: LogPlace;
  readonly #application: LogApplication;
  readonly #reader: StreamReader;
  readonly #view = new RecordView();
  readonly #appends = new Mutex();
  /** Sequences of records that carry state, in their order. */
  #stateSeqs: number[] = [];
  readonly #readsHeads: boolean;
  #sinceState = 0;
  #purgedTo = 0;
  #own: { readonly id: string; placed?: LogRecord | "void" } | undefined;
  #reading: Promise<void> = Promise.resolve();
  #queuedReading: Promise<void> | undefined;
  #isOpen = false;
  #isClosed = false;
  #isStopped = false;
  #stop: () => void = () => undefined;

  private constructor(connection: JetstreamConnection, place: LogPlace, application: LogApplication, options: OpenLogOptions) {
    this.#readsHeads = options.withEntries !== true;
    this.#connection = connection;
    this.#place = place;
    this.#application = application;
    this.#reader = new StreamReader(connection, place.stream);
  }

  /**
   * Opens a log and follows it: the application has all records when this resolves, and gets each further one as it is stored.
   *
   * @throws StorageError `storage_failed`
   */
  static async open(
    connection: JetstreamConnection,
    place: LogPlace,
    application: LogApplication,
    options: OpenLogOptions = {},
  ): Promise<SharedLog> {
    const log = new SharedLog(connection, place, application, options);
    const unfollow = await followFeed(connection, place.feed, ({ seq, after, headers, body }) => log.#take(seq, headers, body, after));
    const undoubt = connection.onDoubt(() => log.catchUp().catch(() => undefined));
    log.#stop = () => {
      unfollow();
      undoubt();
    };
    try {
      await log.catchUp();
      log.#isOpen = true;
    } catch (error) {
      log.#stop();
      throw error;
    }
    return log;
  }

  /** Number of the next entry. */
  get next(): number {
    return this.#view.next;
  }

  /**
   * Appends one record. Calls run one after the other.
   *
   * @param draft decides what to append, by what the application knows at that moment; `undefined`: nothing. It is called again when another
   *   server's record came first. It must not change what the application knows: {@link LogApplication.apply} does.
   * @returns the record, which the application has taken over by then; `undefined` if there was nothing to append.
   * @throws StorageError `storage_failed`: it may not be known whether the record was stored; what `draft` throws.
   */
  append(draft: () => RecordDraft | undefined): Promise<LogRecord | undefined> {
    if (this.#isClosed) return Promise.reject(closedError());
    return this.#appends.run(() => this.#append(draft));
  }

  /**
   * Reads on until the application has every record that was stored before this call.
   *
   * @throws StorageError `storage_failed`
   */
  catchUp(): Promise<void> {
    // A reading that began before may have looked for the last record too early.
    this.#queuedReading ??= this.#reading
      .catch(() => undefined)
      .then(() => {
        this.#queuedReading = undefined;
        this.#reading = this.#readOn();
        return this.#reading;
      });
    return this.#queuedReading;
  }

  /**
   * The entries of a record; `undefined` if it was purged.
   *
   * @throws StorageError `storage_failed`, `record_damaged`
   */
  async read(seq: number): Promise<readonly Uint8Array[] | undefined> {
    this.#assertOpen();
    const message = await failing("A record cannot be read", () => this.#reader.get(seq));
    if (message === undefined) return undefined;
    const head = decodeHead(message.headers);
    const entries = head === undefined ? undefined : decodeEntries(message.body ?? new Uint8Array(), head);
    if (entries === undefined) throw new StorageError("record_damaged", `Message ${seq} of the stream ${this.#place.stream} is damaged`);
    return entries;
  }

  /**
   * Removes records before one that is still needed. Those since the last record with state remain, so up to 32 more than asked for.
   *
   * @throws StorageError `storage_failed`
   */
  async purgeBefore(seq: number): Promise<void> {
    this.#assertOpen();
    const { stream, subject } = this.#place;
    const from = this.#stateSeqs.findLast((one) => one <= seq) ?? 0;
    if (from <= this.#purgedTo) return;
    await failing("Old records cannot be removed", () =>
      this.#connection.retry(stream, () => this.#connection.jsm.streams.purge(stream, { filter: subject, seq: from })),
    );
    this.#stateSeqs = this.#stateSeqs.filter((one) => one >= from);
    this.#purgedTo = from;
  }

  /** Finishes the appends under way, and stops to follow the log. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#appends.idle();
    this.#isStopped = true;
    this.#stop();
  }

  async #append(draft: () => RecordDraft | undefined): Promise<LogRecord | undefined> {
    const deadline = performance.now() + this.#connection.patienceMs;
    for (;;) {
      this.#assertOpen();
      const drafted = draft();
      if (drafted === undefined) return undefined;
      const placed = await this.#store(this.#recordOf(drafted), deadline);
      if (placed !== undefined) return placed;
      if (performance.now() >= deadline) throw new StorageError("storage_failed", "Other servers' records came first, again and again");
    }
  }

  #recordOf({ entries, head = new Uint8Array(), withState = false }: RecordDraft): NewRecord {
    const id = randomBytes(ID_BYTES).toString("base64url");
    const state = withState || this.#sinceState + 1 >= STATE_EVERY ? this.#application.state() : undefined;
    return { first: this.#view.next, prev: this.#view.lastSeen, at: this.#application.now(), id, entries, head, state };
  }

  /** Stores a record in its place. `undefined`: another record has that place. The same record may be published again: one copy counts. */
  async #store(record: NewRecord, deadline: number): Promise<LogRecord | undefined> {
    const own: { readonly id: string; placed?: LogRecord | "void" } = { id: record.id };
    this.#own = own;
    for (;;) {
      const error = await this.#publish(record);
      try {
        // The feed brings a record before its acknowledgement comes, so this rarely reads.
        if (own.placed === undefined) await this.catchUp();
      } catch (cause) {
        throw unknownOutcome(cause);
      }
      if (own.placed !== undefined) return own.placed === "void" ? undefined : own.placed;
      if (this.#view.lastSeen !== record.prev) return undefined;
      const isConflict = hasApiCode(error, API.wrongLastSequence);
      if (error !== undefined && !isConflict && !isTransient(error)) throw asStorageError("NATS rejected a record", error);
      if (isConflict) await sleep(CONFLICT_PAUSE_MS, this.#connection.closed);
      const mayRepeat = isConflict ? performance.now() < deadline : await this.#connection.recovered(this.#place.stream, deadline);
      if (!mayRepeat) throw unknownOutcome(error);
    }
  }

  /** @returns the error, if any: the record may have been stored even then. */
  async #publish(record: NewRecord): Promise<unknown> {
    const { stream, subject } = this.#place;
    const { headers, body } = encodeRecord(record);
    try {
      await this.#connection.publish(subject, body, { stream, headers, expected: record.prev });
      return undefined;
    } catch (error) {
      return error;
    }
  }

  async #readOn(): Promise<void> {
    this.#assertOpen();
    await failing("A log cannot be read", async () => {
      const { subject } = this.#place;
      const last = await this.#reader.last(subject);
      if (last === undefined || last.seq <= this.#view.lastSeen) return;
      const singly = this.#isOpen ? READ_SINGLY : READ_SINGLY_AT_OPEN;
      for (let count = 0; count < singly && this.#view.lastSeen < last.seq; count++) {
        const message = await this.#reader.next(subject, this.#view.lastSeen);
        if (message === undefined) return;
        this.#take(message.seq, message.headers, message.body);
      }
      if (this.#view.lastSeen >= last.seq) return;
      const rest = this.#reader.messages(subject, this.#view.lastSeen, last.seq, this.#readsHeads && !this.#isOpen);
      for await (const { seq, headers, body } of rest) this.#take(seq, headers, body);
    });
  }

  /** Judges a message, and passes a record on. @param after set for messages of the feed. */
  #take(seq: number, headers: MsgHdrs | undefined, body: Uint8Array | undefined, after?: number): void {
    if (this.#isStopped) return;
    const head = decodeHead(headers);
    const verdict = this.#view.judge({ seq, head, after });
    if (verdict === "gap" && this.#isOpen) void this.catchUp().catch(() => undefined);
    if (verdict === "seen" || verdict === "gap") return;
    const record = head === undefined || verdict === "void" ? undefined : this.#apply(seq, head, body, verdict === "base");
    if (head !== undefined && head.id === this.#own?.id) this.#own.placed = record ?? "void";
  }

  #apply(seq: number, head: RecordHead, body: Uint8Array | undefined, isBase: boolean): LogRecord {
    if (isBase) {
      this.#stateSeqs = [];
      this.#application.restore(head.state ?? new Uint8Array());
    }
    this.#sinceState = head.state === undefined ? this.#sinceState + 1 : 0;
    if (head.state !== undefined) this.#stateSeqs.push(seq);
    const { first, count, bytes, at } = head;
    const entries = body === undefined ? undefined : decodeEntries(body, head);
    const record = { seq, first, count, bytes, at, head: head.head, entries };
    this.#application.apply(record);
    return record;
  }

  #assertOpen(): void {
    if (this.#isStopped || this.#connection.closed.aborted) throw closedError();
  }
}

async function failing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asStorageError(what, error);
  }
}

function unknownOutcome(cause: unknown): StorageError {
  return new StorageError("storage_failed", "It is not known whether a record was stored: NATS did not answer in time", { cause });
}
