import { ensureStreams, type JetstreamConnection, publish, StreamReader } from "@parley/jetstream";
import { isRecordDamaged, StorageError } from "@parley/storage";
import type { OutboundMessage } from "../federation/outbound/outbound-message.ts";
import { decodeOutbound, encodeOutbound, outboundFingerprint, salvageOutbound } from "../federation/outbound/outbound-record.ts";
import type { Appended, OutboundStore, OutboundStoreOptions, StoredEntry } from "../federation/outbound/outbound-store.ts";
import { storableTime } from "../inbox/inbox-keys.ts";
import { type Fingerprint, RecentMessages } from "../inbox/recent-messages.ts";
import { decodeHead, encodeHead } from "./box-records.ts";

/** Options of {@link JetstreamOutboundStore}. */
export interface JetstreamOutboundStoreOptions extends OutboundStoreOptions {
  /** Names the node whose messages these are: characters of `A-Z a-z 0-9 - _`. A node that starts again with its name finds its messages. */
  readonly node: string;
}

/** A message that waits. */
interface Waiting {
  readonly fingerprint: Fingerprint;
  /** When it was appended, by the clock of its node. */
  readonly at: number;
  readonly durable: Promise<void>;
  /** Its record, instead of the message, if that is damaged. */
  readonly message: OutboundMessage | Uint8Array;
}

const SENDER = "Parley-Sender";
/** The number that the message has at its node. */
const NUMBER = "Parley-Number";
const NANOSECONDS = 1e6;
const DURABLE = Promise.resolve();

/**
 * Messages to other nodes in NATS JetStream. Each node stores and sends those that it has accepted, and has them in memory. Every message is a
 * subject of its node; a second stream remembers, for all nodes, those that were removed.
 */
export class JetstreamOutboundStore implements OutboundStore {
  readonly #connection: JetstreamConnection;
  readonly #options: JetstreamOutboundStoreOptions;
  readonly #now: () => number;
  readonly #recent: RecentMessages;
  readonly #messages: { readonly stream: string; readonly prefix: string; readonly reader: StreamReader };
  readonly #removed: { readonly stream: string; readonly prefix: string; readonly reader: StreamReader };
  readonly #waiting = new Map<number, Waiting>();
  readonly #seqs = new Map<Fingerprint, number>();
  /** Pending appends. */
  readonly #pending = new Map<Fingerprint, Promise<Appended>>();
  readonly #writing = new Set<Promise<unknown>>();
  /** Resolves when the latest append has started to write. */
  #started: Promise<void> = DURABLE;
  #loaded: StoredEntry[] = [];
  #nextSeq = 1;
  #closed = false;

  private constructor(connection: JetstreamConnection, options: JetstreamOutboundStoreOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#recent = new RecentMessages(options.deduplicationMs, options.maxRemembered, this.#now());
    const streamOf = (name: string, prefix: string) => {
      const stream = `${connection.prefix}_${name}`.toUpperCase();
      return { stream, prefix: `${connection.prefix}.${prefix}.`, reader: new StreamReader(connection, stream) };
    };
    this.#messages = streamOf("outbound", `outbound.${options.node}`);
    this.#removed = streamOf("outbound-removed", "outbound-removed");
  }

  /** @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` */
  static async open(connection: JetstreamConnection, options: JetstreamOutboundStoreOptions): Promise<JetstreamOutboundStore> {
    const store = new JetstreamOutboundStore(connection, options);
    const { deduplicationMs, maxRemembered } = options;
    await ensureStreams(connection, [
      { name: store.#messages.stream, subjects: [`${connection.prefix}.outbound.*.*`], max_msgs_per_subject: 1 },
      {
        name: store.#removed.stream,
        subjects: [`${store.#removed.prefix}*`],
        max_msgs_per_subject: 1,
        max_age: deduplicationMs * NANOSECONDS,
        max_msgs: maxRemembered,
        discard: "old",
      },
    ]);
    await reading(() => store.#load());
    return store;
  }

  append(message: OutboundMessage, hasRoom = true): Promise<Appended> {
    if (this.#closed) return Promise.reject(closedError());
    const fingerprint = outboundFingerprint(message);
    const first = this.#pending.get(fingerprint);
    if (first !== undefined) return first.then(whenDurable);
    if (this.#seqs.has(fingerprint) || this.#recent.has(fingerprint, this.#now())) return Promise.resolve({ status: "duplicate" });
    const appending = this.#append(message, fingerprint, hasRoom);
    this.#pending.set(fingerprint, appending);
    this.#track(appending);
    const end = (): void => void this.#pending.delete(fingerprint);
    appending.then((appended) => (appended.status === "stored" ? appended.durable.then(end, end) : end()), end);
    return appending;
  }

  entries(): Iterable<StoredEntry> {
    const loaded = this.#loaded;
    this.#loaded = [];
    return loaded;
  }

  read({ seq }: StoredEntry): OutboundMessage {
    if (this.#closed) throw closedError();
    const message = this.#waiting.get(seq)?.message;
    if (message === undefined) throw new StorageError("storage_failed", "Unknown message to another node");
    if (message instanceof Uint8Array) throw new StorageError("record_damaged", "A message to another node is damaged");
    return message;
  }

  salvage({ seq, sender, recipient }: StoredEntry): OutboundMessage | undefined {
    const message = this.#waiting.get(seq)?.message;
    return message instanceof Uint8Array ? salvageOutbound(sender, recipient, message) : message;
  }

  async remove({ seq }: StoredEntry): Promise<void> {
    if (this.#closed) throw closedError();
    const waiting = this.#waiting.get(seq);
    if (waiting === undefined) return;
    this.#waiting.delete(seq);
    const removing = this.#remove(waiting);
    this.#track(removing);
    try {
      await removing;
      this.#seqs.delete(waiting.fingerprint);
    } catch (error) {
      this.#waiting.set(seq, waiting);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#writing.size > 0) await Promise.allSettled(this.#writing);
  }

  async #append(message: OutboundMessage, fingerprint: Fingerprint, hasRoom: boolean): Promise<Appended> {
    // Appends are written in the order of the calls, although each looks for its message first.
    const [before, looking] = [this.#started, this.#wasRemoved(fingerprint)];
    const turn = Promise.allSettled([before, looking]);
    let start = (): void => undefined;
    this.#started = new Promise((resolve) => (start = resolve));
    await turn;
    try {
      if (await looking) return { status: "duplicate" };
      if (!hasRoom) return { status: "full" };
      return this.#store(message, fingerprint);
    } finally {
      start();
    }
  }

  #store(message: OutboundMessage, fingerprint: Fingerprint): Appended {
    const { sender, recipient, plaintext } = message;
    const at = this.#now();
    const entry: StoredEntry = {
      sender,
      recipient,
      seq: this.#nextSeq++,
      length: plaintext.length,
      expiresAt: storableTime(message.expiresAt),
    };
    const durable = this.#write(message, fingerprint, entry, at);
    this.#track(durable);
    this.#waiting.set(entry.seq, { fingerprint, at, durable, message });
    this.#seqs.set(fingerprint, entry.seq);
    durable.then(
      () => this.#recent.add(fingerprint, at),
      () => {
        this.#waiting.delete(entry.seq);
        this.#seqs.delete(fingerprint);
      },
    );
    return { status: "stored", entry, durable };
  }

  /** A message that is there already was stored by a write that was not answered. */
  async #write(
    message: OutboundMessage,
    fingerprint: Fingerprint,
    { seq, recipient, length, expiresAt }: StoredEntry,
    at: number,
  ): Promise<void> {
    const { stream, prefix } = this.#messages;
    const rememberedUntil = at + this.#options.deduplicationMs;
    const head = { recipient, fingerprint, rememberedUntil, at, length, expiresAt };
    const headers = { ...encodeHead(head), [SENDER]: encodeURI(message.sender), [NUMBER]: String(seq) };
    const place = { stream, subject: prefix + tokenOf(fingerprint), headers, expected: 0 };
    await publish(this.#connection, encodeOutbound(message), place);
  }

  /** Remembers the message before it is removed: otherwise it could be accepted and sent again. */
  async #remove({ fingerprint, at, durable }: Waiting): Promise<void> {
    await durable;
    const token = tokenOf(fingerprint);
    if (this.#now() - at < this.#options.deduplicationMs) {
      const { stream, prefix } = this.#removed;
      await publish(this.#connection, Buffer.from(String(at)), { stream, subject: prefix + token });
    }
    const { stream, prefix } = this.#messages;
    const { jsm } = this.#connection;
    await reading(() => this.#connection.retry(stream, () => jsm.streams.purge(stream, { filter: prefix + token })));
  }

  async #wasRemoved(fingerprint: Fingerprint): Promise<boolean> {
    const { reader, prefix } = this.#removed;
    const at = (await reading(() => reader.last(prefix + tokenOf(fingerprint))))?.body;
    return at !== undefined && this.#now() - Number(Buffer.from(at).toString()) < this.#options.deduplicationMs;
  }

  async #load(): Promise<void> {
    const { reader, prefix } = this.#messages;
    const last = await reader.last(`${prefix}*`);
    if (last === undefined) return;
    for await (const { headers, body = new Uint8Array() } of reader.messages(`${prefix}*`, 0, last.seq, false)) {
      const head = decodeHead(headers);
      const seq = Number(headers?.get(NUMBER));
      if (head === undefined || !(seq > 0)) continue;
      this.#nextSeq = Math.max(this.#nextSeq, seq + 1);
      const { recipient, fingerprint, at, length, expiresAt } = head;
      const sender = decodeURI(headers?.get(SENDER) ?? "");
      const message = decoded(sender, recipient, body);
      this.#loaded.push({ sender, recipient, seq, length, expiresAt });
      this.#waiting.set(seq, { fingerprint, at, durable: DURABLE, message });
      this.#seqs.set(fingerprint, seq);
      this.#recent.add(fingerprint, at);
    }
  }

  #track(writing: Promise<unknown>): void {
    this.#writing.add(writing);
    const end = (): void => void this.#writing.delete(writing);
    writing.then(end, end);
  }
}

async function whenDurable(appended: Appended): Promise<Appended> {
  if (appended.status !== "stored") return appended;
  await appended.durable;
  return { status: "duplicate" };
}

function decoded(sender: string, recipient: string, body: Uint8Array): OutboundMessage | Uint8Array {
  try {
    return decodeOutbound(sender, recipient, body);
  } catch (error) {
    if (isRecordDamaged(error)) return body;
    throw error;
  }
}

function tokenOf(fingerprint: Fingerprint): string {
  return Buffer.from(fingerprint, "latin1").toString("base64url");
}

/** Converts errors of NATS to rejections with a StorageError. */
async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StorageError
      ? error
      : new StorageError("storage_failed", "Messages to other nodes can't be read", { cause: error });
  }
}

function closedError(): StorageError {
  return new StorageError("storage_failed", "The queue of messages to other nodes is closed");
}
