import { randomUUID } from "node:crypto";
import { isJsonObject, type JsonObject } from "@parley/core";
import { sleep } from "@parley/core/internal";
import type { JetstreamConnection } from "./connection.ts";
import { asStorageError } from "./failures.ts";
import { StreamReader } from "./stream-reader.ts";
import { ensureStreams } from "./streams.ts";

/** How servers announce themselves. */
export interface MembersOptions {
  /** What others read about this server, such as its name and version. Absent: this one only reads. */
  readonly self?: JsonObject | undefined;
  /** Milliseconds without an announcement after which a server no longer is a member. The same for all servers. Default 10,000. */
  readonly ttlMs?: number | undefined;
}

const NAME = "members";
const DEFAULT_TTL_MS = 10_000;
const NANOSECONDS = 1e6;
/** Part of `ttlMs` after which a server announces itself again. */
const ANNOUNCE_AFTER = 0.2;

/**
 * The servers that share a prefix and are running. Each writes a message again and again, which JetStream removes after `ttlMs`. So a server is a
 * member only while the NATS servers that it reaches can store messages.
 */
export class Members {
  readonly #connection: JetstreamConnection;
  readonly #self: JsonObject | undefined;
  readonly #ttlMs: number;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #reader: StreamReader;
  /** Names this server among the members; each start has another one. */
  readonly id: string = randomUUID();
  readonly #stop = new AbortController();
  /** Ids of the members, as of the last seconds. */
  #ids: ReadonlySet<string> = new Set();
  #onLeft: (id: string) => void = () => undefined;
  #clockAheadMs = 0;
  #storedAt = performance.now();
  #announcing: Promise<void> = Promise.resolve();

  private constructor(connection: JetstreamConnection, { self, ttlMs = DEFAULT_TTL_MS }: MembersOptions) {
    this.#connection = connection;
    this.#self = self;
    this.#ttlMs = ttlMs;
    this.#stream = `${connection.prefix}_${NAME}`.toUpperCase();
    this.#prefix = `${connection.prefix}.${NAME}.`;
    this.#reader = new StreamReader(connection, this.#stream);
  }

  /** Resolves when this server is a member, and knows how many there are. @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` */
  static async open(connection: JetstreamConnection, options: MembersOptions): Promise<Members> {
    const members = new Members(connection, options);
    const plan = {
      name: members.#stream,
      subjects: [`${members.#prefix}*`],
      max_msgs_per_subject: 1,
      max_age: members.#ttlMs * NANOSECONDS,
    };
    await ensureStreams(connection, [plan]);
    if (members.#self === undefined) return members;
    members.#listen();
    await connection
      .retry(members.#stream, () => members.#announce())
      .catch((error: unknown) => {
        throw asStorageError("This server cannot be announced", error);
      });
    members.#announcing = members.#repeat();
    return members;
  }

  /** How many servers there are, as of the last seconds; at least 1. */
  get count(): number {
    return Math.max(1, this.#ids.size);
  }

  /** Whether a server is a member, as of the last seconds. */
  has(id: string): boolean {
    return id === this.id || this.#ids.has(id);
  }

  /** Sets the listener for members that have ended. */
  onLeft(listener: (id: string) => void): void {
    this.#onLeft = listener;
  }

  /** How far this machine's clock is ahead of the NATS server's, about, in milliseconds; 0 with NATS before 2.10. */
  get clockAheadMs(): number {
    return this.#clockAheadMs;
  }

  /** Whether this server is a member: what it wrote in the last `ttlMs` was stored. */
  checkHealth(): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
    const sinceMs = performance.now() - this.#storedAt;
    if (sinceMs <= this.#ttlMs) return { ok: true };
    return { ok: false, reason: `NATS has stored nothing of this server for ${Math.round(sinceMs / 1000)} seconds` };
  }

  /** What each member says about itself. @throws StorageError `storage_failed` */
  async list(): Promise<readonly JsonObject[]> {
    try {
      const found = await Promise.all((await this.#subjects()).map((subject) => this.#reader.last(subject)));
      return found.flatMap((message) => {
        const text = Buffer.from(message?.body ?? []).toString();
        const info: unknown = text === "" ? undefined : JSON.parse(text);
        return isJsonObject(info) ? [info] : [];
      });
    } catch (error) {
      throw asStorageError("The list of servers cannot be read", error);
    }
  }

  /** Leaves. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#announcing;
    if (this.#self === undefined || this.#connection.closed.aborted) return;
    const subject = this.#prefix + this.id;
    await this.#connection.publish(subject, new Uint8Array(), { stream: this.#stream }).catch(() => undefined);
    await this.#connection.jsm.streams.purge(this.#stream, { filter: subject }).catch(() => undefined);
  }

  /** Notices at once when members join or leave. */
  #listen(): void {
    const { nc } = this.#connection;
    const subscription = nc.subscribe(`${this.#prefix}*`, {
      callback: (error, { subject, data }) => {
        const id = subject.slice(this.#prefix.length);
        if (error !== null || id === this.id || this.#ids.has(id) === data.length > 0) return;
        this.#setIds(data.length > 0 ? [...this.#ids, id] : [...this.#ids].filter((other) => other !== id));
      },
    });
    this.#stop.signal.addEventListener("abort", () => subscription.unsubscribe());
  }

  #setIds(ids: readonly string[]): void {
    const former = this.#ids;
    this.#ids = new Set(ids);
    for (const id of former) if (!this.#ids.has(id)) this.#onLeft(id);
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && !this.#connection.closed.aborted) {
      await sleep(ANNOUNCE_AFTER * this.#ttlMs, signal);
      // One that fails is repeated with the next one, and shows in `checkHealth` after `ttlMs`.
      if (!signal.aborted) await this.#announce().catch(() => undefined);
    }
  }

  async #announce(): Promise<void> {
    const since = performance.now();
    await this.#connection.publish(this.#prefix + this.id, Buffer.from(JSON.stringify(this.#self)), { stream: this.#stream });
    this.#storedAt = since;
    this.#setIds((await this.#subjects()).map((subject) => subject.slice(this.#prefix.length)));
  }

  async #subjects(): Promise<readonly string[]> {
    const { state, ts } = await this.#connection.jsm.streams.info(this.#stream, { subjects_filter: `${this.#prefix}*` });
    if (ts !== undefined) this.#clockAheadMs = Date.now() - Date.parse(ts);
    return Object.keys(state.subjects ?? {});
  }
}
