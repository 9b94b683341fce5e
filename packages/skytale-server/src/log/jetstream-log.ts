import { closeAll } from "@parley/core/internal";
import {
  type JetstreamConnection,
  Leases,
  type LogApplication,
  LogStreams,
  RECORD_OVERHEAD,
  MAX_HEAD_BYTES,
  SharedLog,
  SharedTable,
} from "@parley/jetstream";
import { StorageError } from "@parley/storage";
import type { Appended, AppendOutcome, ChannelLog, Head, LogPage, NewEntry, ReadOptions, Watch } from "./channel-log.ts";
import { type ChannelContext, JetstreamChannel } from "./jetstream-channel.ts";
import { DEFAULT_KEY_WINDOW, KeyWindow, type KeyWindowOptions } from "./key-window.ts";
import type { LogOptions } from "./memory-log.ts";
import { readRetention } from "./retention.ts";
import { StoredBytes } from "./stored-bytes.ts";
import { decodeUsage, encodeUsage, usageKey } from "./channel-usage.ts";
import { Watchers } from "./watchers.ts";

/** Options of a log that several servers share. All servers must have the same retention, keys and shards. */
export interface JetstreamLogOptions extends LogOptions {
  /** Number of streams over which channels are distributed; fixed by the first start. Default 16. */
  readonly shards?: number | undefined;
  /** Channels that are followed at the same time; others are opened again when they are used. Default 10,000. */
  readonly maxOpenChannels?: number | undefined;
}

const DEFAULT_MAX_OPEN = 10_000;
/** Part of the open channels that is closed when there are too many. */
const CLOSED_PART = 0.1;
/** How often this server writes how much the channels hold that it appended to. */
const USAGE_EVERY_MS = 5000;
const EXPIRE = "expire";
/** Largest record, as far as NATS accepts it. */
const MAX_RECORD_BYTES = 4 * 1024 * 1024;

/**
 * Logs in NATS JetStream, which any number of servers write and read.
 *
 * A channel is a {@link SharedLog}. All servers have the same entries, sequence numbers, keys and commits, because they derive them from
 * the same records. A server follows the channels that it uses. A refusal (`duplicate`, `epoch_taken`) is decided on what has arrived here,
 * which may be milliseconds old.
 */
export class JetstreamLog implements ChannelLog {
  readonly evictsByAccount: boolean = false;
  readonly #connection: JetstreamConnection;
  readonly #streams: LogStreams;
  readonly #leases: Leases;
  readonly #context: ChannelContext;
  readonly #keyOptions: KeyWindowOptions;
  readonly #watchers = new Watchers();
  readonly #stored = new StoredBytes();
  readonly #channels = new Map<string, Promise<JetstreamChannel>>();
  readonly #opened = new Map<string, JetstreamChannel>();
  /** When the oldest entry of a channel was recorded, according to the usage table. */
  readonly #oldest = new Map<string, number>();
  /** Channels whose usage this server has to write. */
  readonly #changed = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  readonly #maxOpen: number;
  readonly #appending = new Set<Promise<unknown>>();
  #usage!: SharedTable;
  #uses = 0;
  #closed = false;

  private constructor(connection: JetstreamConnection, streams: LogStreams, leases: Leases, options: JetstreamLogOptions) {
    this.#connection = connection;
    this.#streams = streams;
    this.#leases = leases;
    this.#maxOpen = options.maxOpenChannels ?? DEFAULT_MAX_OPEN;
    const now = options.now ?? Date.now;
    const expiryNow = options.expiryNow ?? now;
    this.#keyOptions = { ...DEFAULT_KEY_WINDOW, ...options.keys };
    this.#context = {
      keys: new KeyWindow(this.#keyOptions, expiryNow()),
      retention: readRetention(options.retention),
      maxRecordBytes: Math.min(MAX_RECORD_BYTES, connection.maxPayload - 2 * MAX_HEAD_BYTES - RECORD_OVERHEAD),
      now,
      expiryNow,
      count: (channel, publisher, change) => this.#stored.add(channel, publisher, change),
      notify: (channel, page) => this.#watchers.notify(channel, page),
    };
    this.#timer = setInterval(() => void this.#writeUsage().catch(() => undefined), USAGE_EVERY_MS);
    this.#timer.unref();
  }

  /**
   * Opens the logs on a connection, which stays open when they are closed.
   *
   * @throws StorageError `storage_failed`; JetstreamError `streams_unavailable`
   */
  static async open(connection: JetstreamConnection, options: JetstreamLogOptions = {}): Promise<JetstreamLog> {
    const streams = await LogStreams.open(connection, { name: "log", shards: options.shards });
    const leases = await Leases.open(connection, { name: "leases" });
    const log = new JetstreamLog(connection, streams, leases, options);
    try {
      log.#usage = await SharedTable.open(
        connection,
        { name: "usage" },
        { onEntry: ({ value }) => log.#takeUsage(value), onRemoved: () => undefined },
      );
    } catch (error) {
      clearInterval(log.#timer);
      throw error;
    }
    return log;
  }

  append(channel: string, publisher: string, entries: readonly NewEntry[]): Promise<readonly AppendOutcome[]> {
    return this.#track(this.#append(channel, publisher, entries));
  }

  readonly clear = (channel: string): Promise<void> => this.#track(this.#clear(channel));

  async read(channel: string, options: ReadOptions): Promise<LogPage> {
    return (await this.#use(channel)).read(options);
  }

  async head(channel: string): Promise<Head> {
    const { first, next } = await this.#use(channel);
    return { first, next };
  }

  async watch(channel: string, listener: (page: Appended) => void): Promise<Watch> {
    const { first, next } = await this.#use(channel);
    return { head: { first, next }, stop: this.#watchers.add(channel, listener) };
  }

  storedBytes(publisher: string): number {
    return this.#stored.of(publisher);
  }

  get totalStoredBytes(): number {
    return this.#stored.total;
  }

  /** Old records leave the stream too, on one of the servers. */
  async expire(): Promise<void> {
    if (this.#closed) throw closedError();
    for (const channel of this.#opened.values()) if (channel.retain()) this.#changed.add(channel.id);
    const lease = await this.#leases.acquire(EXPIRE);
    if (lease === undefined) return;
    try {
      for (const name of this.#expiring()) {
        if (lease.lost.aborted || this.#closed) break;
        const channel = await this.#use(name);
        if (channel.retain() || channel.oldest !== this.#oldest.get(name)) this.#changed.add(name);
        await channel.purge(this.#keysSince(), 1);
      }
      await this.#writeUsage();
    } finally {
      await lease.release();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.allSettled(this.#appending);
    const channels = await Promise.all([...this.#channels.values()].map((opening) => opening.catch(() => undefined)));
    await closeAll(
      ...channels.flatMap((channel) => (channel === undefined ? [] : [() => channel.close()])),
      () => this.#writeUsage(),
      () => this.#usage.close(),
    );
  }

  async #append(name: string, publisher: string, entries: readonly NewEntry[]): Promise<readonly AppendOutcome[]> {
    const channel = await this.#use(name);
    this.#changed.add(name);
    return channel.append(publisher, entries);
  }

  async #clear(name: string): Promise<void> {
    const channel = await this.#use(name);
    this.#changed.add(name);
    await channel.clear();
  }

  /** Work that ends before the log is closed. */
  #track<T>(work: Promise<T>): Promise<T> {
    const tracked = work.finally(() => this.#appending.delete(tracked));
    this.#appending.add(tracked);
    return tracked;
  }

  async #use(name: string): Promise<JetstreamChannel> {
    if (this.#closed) throw closedError();
    const channel = await (this.#channels.get(name) ?? this.#open(name));
    channel.usedAt = ++this.#uses;
    return channel;
  }

  #open(name: string): Promise<JetstreamChannel> {
    this.#closeSome();
    const opening = this.#opening(name).catch((error: unknown) => {
      this.#channels.delete(name);
      throw error;
    });
    this.#channels.set(name, opening);
    return opening;
  }

  async #opening(name: string): Promise<JetstreamChannel> {
    // Counted again, from the records themselves.
    this.#stored.set(name, []);
    const place = this.#streams.placeOf(name);
    const open = (application: LogApplication): Promise<SharedLog> => SharedLog.open(this.#connection, place, application);
    const channel = await JetstreamChannel.open(name, this.#context, open);
    this.#opened.set(name, channel);
    return channel;
  }

  /** Closes the channels that were used least recently, without watchers and appends under way. */
  #closeSome(): void {
    if (this.#channels.size < this.#maxOpen) return;
    const idle = [...this.#opened.values()].filter(({ id, isBusy }) => !isBusy && !this.#watchers.has(id) && !this.#changed.has(id));
    for (const channel of idle.toSorted((left, right) => left.usedAt - right.usedAt).slice(0, Math.ceil(this.#maxOpen * CLOSED_PART))) {
      this.#channels.delete(channel.id);
      this.#opened.delete(channel.id);
      void channel.close();
    }
  }

  /** Channels with entries or records that may be too old. */
  #expiring(): readonly string[] {
    const oldest = this.#context.expiryNow() - this.#context.retention.maxAgeMs;
    const old = [...this.#oldest].flatMap(([name, at]) => (at < oldest ? [name] : []));
    return [...new Set([...old, ...this.#opened.keys()])];
  }

  #keysSince(): number {
    return this.#context.expiryNow() - 2 * this.#keyOptions.rememberMs;
  }

  #takeUsage(value: Uint8Array): void {
    const { channel, oldest, bytes } = decodeUsage(value);
    if (oldest === undefined) this.#oldest.delete(channel);
    else this.#oldest.set(channel, oldest);
    // An open channel is counted here, entry by entry.
    if (!this.#channels.has(channel)) this.#stored.set(channel, bytes);
  }

  async #writeUsage(): Promise<void> {
    const names = [...this.#changed];
    this.#changed.clear();
    await Promise.all(names.map((name) => this.#writeUsageOf(name)));
  }

  async #writeUsageOf(name: string): Promise<void> {
    const channel = this.#opened.get(name);
    if (channel === undefined) return;
    const usage = encodeUsage({ channel: name, oldest: channel.oldest, bytes: this.#stored.in(name) });
    try {
      await this.#usage.put(usageKey(name), usage);
      if (!this.#closed) await channel.purge(this.#keysSince());
    } catch (error) {
      this.#changed.add(name);
      throw error;
    }
  }
}

function closedError(): StorageError {
  return new StorageError("storage_failed", "The log is closed");
}
