import { ensureStreams, type JetstreamConnection, publish, type StreamMessage, StreamReader } from "@parley/jetstream";
import { isRecordDamaged, StorageError } from "@parley/storage";
import type { OutboundMessage } from "../federation/outbound/outbound-message.ts";
import { decodeOutbound, encodeOutbound, outboundFingerprint, salvageOutbound } from "../federation/outbound/outbound-record.ts";
import type { Appended, OutboundStore, OutboundStoreOptions, StoredEntry } from "../federation/outbound/outbound-store.ts";
import { storableTime } from "../inbox/inbox-keys.ts";
import { type Fingerprint, RecentMessages } from "../inbox/recent-messages.ts";
import { decodeHead, encodeHead, type MessageHead } from "./box-records.ts";

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

/** A message as it is stored. */
interface StoredMessage {
  /** Its stream sequence. */
  readonly position: number;
  readonly head: MessageHead;
  readonly sender: string;
  /** The number that it has at its node. */
  readonly number: number;
  readonly body: Uint8Array;
}

/** Where messages are. */
interface Place {
  readonly stream: string;
  readonly prefix: string;
  readonly reader: StreamReader;
}

const SENDER = "Parley-Sender";
/** The number that the message has at its node. */
const NUMBER = "Parley-Number";
const NANOSECONDS = 1e6;
const DURABLE = Promise.resolve();
/** Messages of another node that are taken over together: bytes, and messages. */
const PAGE = { bytes: 8 * 1024 * 1024, messages: 256 };

/**
 * Messages to other nodes in NATS JetStream. Each node stores and sends those that it has accepted, and has them in memory. Every message is a
 * subject of its node; a second stream remembers, for all nodes, those that were removed. Messages of a node that has ended are stored again by another one.
 */
export class JetstreamOutboundStore implements OutboundStore {
  readonly #connection: JetstreamConnection;
  readonly #options: JetstreamOutboundStoreOptions;
  readonly #now: () => number;
  readonly #recent: RecentMessages;
  /** The messages of all nodes, and those of this one. */
  readonly #all: Place;
  readonly #messages: Place;
  readonly #removed: Place;
  readonly #waiting = new Map<number, Waiting>();
  readonly #seqs = new Map<Fingerprint, number>();
  /** Pending appends. */
  readonly #pending = new Map<Fingerprint, Promise<Appended>>();
  readonly #writing = new Set<Promise<unknown>>();
  /** Resolves when the latest append has started to write. */
  #started: Promise<void> = DURABLE;
  #loaded: StoredEntry[] = [];
  #nextSeq = 1;
  #onTakenOver: (entry: StoredEntry) => void = (entry) => void this.#loaded.push(entry);
  #closed = false;

  private constructor(connection: JetstreamConnection, options: JetstreamOutboundStoreOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#recent = new RecentMessages(options.deduplicationMs, options.maxRemembered, this.#now());
    const streamOf = (name: string, prefix = name) => {
      const stream = `${connection.prefix}_${name}`.toUpperCase();
      return { stream, prefix: `${connection.prefix}.${prefix}.`, reader: new StreamReader(connection, stream) };
    };
    this.#all = streamOf("outbound");
    this.#messages = streamOf("outbound", `outbound.${options.node}`);
    this.#removed = streamOf("outbound-removed");
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

  onTakenOver(listener: (entry: StoredEntry) => void): void {
    this.#onTakenOver = listener;
    for (const entry of this.entries()) listener(entry);
  }

  /**
   * Takes over the messages of a node that has ended, in their order. Messages that were removed, or that this node has too, are left out. If it is interrupted, a message
   * may be stored for both nodes.
   *
   * @param node as {@link JetstreamOutboundStoreOptions.node}.
   * @param signal ends it after a page: another server may have started with the node's name.
   * @returns whether all were taken over.
   * @throws StorageError `storage_failed`
   */
  takeOver(node: string, signal: AbortSignal): Promise<boolean> {
    const taking = reading(() => this.#takeOver(node, signal));
    this.#track(taking);
    return taking;
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
      queuedAt: performance.now(),
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

  async #takeOver(node: string, signal: AbortSignal): Promise<boolean> {
    const { reader, prefix } = this.#all;
    const filter = `${prefix}${node}.*`;
    const last = await reader.last(filter);
    if (last === undefined) return true;
    for await (const page of pagesOf(reader.messages(filter, 0, last.seq, false, signal))) {
      if (signal.aborted || this.#closed) return false;
      await this.#storeAgain(page);
      await this.#purge(filter, page.at(-1)?.position);
    }
    return !signal.aborted;
  }

  #write(message: OutboundMessage, fingerprint: Fingerprint, entry: StoredEntry, at: number): Promise<void> {
    const { recipient, length, expiresAt } = entry;
    const head = { recipient, fingerprint, rememberedUntil: at + this.#options.deduplicationMs, at, length, expiresAt };
    return this.#publish({ head, sender: message.sender, number: entry.seq, body: encodeOutbound(message) });
  }

  /** A message that is there already was stored by a write that was not answered. */
  async #publish({ head, sender, number, body }: Omit<StoredMessage, "position">): Promise<void> {
    const { stream, prefix } = this.#messages;
    const headers = { ...encodeHead(head), [SENDER]: [encodeURI(sender)], [NUMBER]: [String(number)] };
    await publish(this.#connection, body, { stream, subject: prefix + tokenOf(head.fingerprint), headers, expected: 0 });
  }

  /** Stores messages of another node for this one. @throws StorageError `storage_failed`, after those that could be stored */
  async #storeAgain(page: readonly StoredMessage[]): Promise<void> {
    const [removed] = await Promise.all([
      Promise.all(page.map(({ head }) => this.#wasRemoved(head.fingerprint))),
      Promise.allSettled(page.flatMap(({ head }) => this.#pending.get(head.fingerprint) ?? [])),
    ]);
    const missing = page.filter(({ head }, index) => removed[index] === false && !this.#seqs.has(head.fingerprint));
    const stored = missing.map(async (message) => {
      const number = this.#nextSeq++;
      this.#seqs.set(message.head.fingerprint, number);
      try {
        await this.#publish({ ...message, number });
        return { ...message, number };
      } catch (error) {
        this.#seqs.delete(message.head.fingerprint);
        throw error;
      }
    });
    const results = await Promise.allSettled(stored);
    for (const result of results) if (result.status === "fulfilled") this.#onTakenOver(this.#keep(result.value));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** Remembers the message before it is removed: otherwise it could be accepted and sent again. */
  async #remove({ fingerprint, at, durable }: Waiting): Promise<void> {
    await durable;
    const token = tokenOf(fingerprint);
    if (this.#now() - at < this.#options.deduplicationMs) {
      const { stream, prefix } = this.#removed;
      await publish(this.#connection, Buffer.from(String(at)), { stream, subject: prefix + token });
    }
    await reading(() => this.#purge(this.#messages.prefix + token));
  }

  /** @param upTo stream sequence of the last message that is removed. Default: all are. */
  async #purge(filter: string, upTo?: number): Promise<void> {
    const { stream } = this.#all;
    const until = upTo === undefined ? {} : { seq: upTo + 1 };
    await this.#connection.retry(stream, () => this.#connection.jsm.streams.purge(stream, { filter, ...until }));
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
    for await (const stored of reader.messages(`${prefix}*`, 0, last.seq, false)) {
      const message = readStored(stored);
      if (message === undefined) continue;
      this.#nextSeq = Math.max(this.#nextSeq, message.number + 1);
      this.#loaded.push(this.#keep(message));
    }
  }

  /** Has a stored message of this node in memory from now on. */
  #keep({ head, sender, number: seq, body }: Omit<StoredMessage, "position">): StoredEntry {
    const { recipient, fingerprint, at, length, expiresAt } = head;
    this.#waiting.set(seq, { fingerprint, at, durable: DURABLE, message: decoded(sender, recipient, body) });
    this.#seqs.set(fingerprint, seq);
    this.#recent.add(fingerprint, at);
    return { sender, recipient, seq, length, expiresAt, queuedAt: performance.now() };
  }

  #track(writing: Promise<unknown>): void {
    this.#writing.add(writing);
    const end = (): void => void this.#writing.delete(writing);
    writing.then(end, end);
  }
}

/** `undefined` if it is not a message. */
function readStored({ seq, headers, body = new Uint8Array() }: StreamMessage): StoredMessage | undefined {
  const head = decodeHead(headers);
  const number = Number(headers?.get(NUMBER));
  if (head === undefined || !(number > 0)) return undefined;
  return { position: seq, head, sender: decodeURI(headers?.get(SENDER) ?? ""), number, body };
}

async function* pagesOf(messages: AsyncIterable<StreamMessage>): AsyncGenerator<readonly StoredMessage[]> {
  let page: StoredMessage[] = [];
  let bytes = 0;
  for await (const stored of messages) {
    const message = readStored(stored);
    if (message === undefined) continue;
    page.push(message);
    bytes += message.body.length;
    if (page.length < PAGE.messages && bytes < PAGE.bytes) continue;
    yield page;
    [page, bytes] = [[], 0];
  }
  if (page.length > 0) yield page;
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
