import { randomUUID } from "node:crypto";
import { closeAll, TimeSlice } from "@parley/core/internal";
import { ensureStreams, type JetstreamConnection, publish, StreamReader } from "@parley/jetstream";
import { StorageError } from "@parley/storage";
import type {
  Appended,
  Box,
  BoxListener,
  DamagedMessage,
  Depth,
  ExpiredMessages,
  Inbox,
  InboxLimits,
  InboxMessage,
  MessageToStore,
} from "../inbox/inbox.ts";
import { checkRoom, inboxLimits, type InboxOptions } from "../inbox/inbox-limits.ts";
import { storableTime } from "../inbox/inbox-keys.ts";
import { encodeMessage } from "../inbox/message-record.ts";
import { NO_USAGE, OwnerUsage } from "../inbox/owner-usage.ts";
import { type Fingerprint, fingerprintOf } from "../inbox/recent-messages.ts";
import type { MessageIdentity } from "../inbox/inbox.ts";
import { isMediated } from "../mediation/mediated-queue.ts";
import { encodeHead } from "./box-records.ts";
import { OwnerReports } from "./owner-reports.ts";
import { BoxStreams } from "./box-streams.ts";
import { JetstreamBox, type BoxContext } from "./jetstream-box.ts";
import { UnattendedBoxes } from "./unattended-boxes.ts";

/** Options of {@link JetstreamInbox}. */
export interface JetstreamInboxOptions extends InboxOptions {
  /** Streams among which recipients are divided. Fixed by the first start. Default 16. */
  readonly shards?: number | undefined;
  /** Number of running servers. Default: 1. */
  readonly servers?: (() => number) | undefined;
  /** Time after which JetStream removes what no server has removed, in milliseconds. Default 8 days. */
  readonly maxAgeMs?: number | undefined;
  /** Names this inbox in marks. Default: random. */
  readonly instance?: string | undefined;
  /** Instances whose servers are running: they look after the boxes that they have open. Default: none. */
  readonly running?: (() => Promise<ReadonlySet<string>>) | undefined;
}

const DAY_MS = 24 * 60 * 60_000;
const NANOSECONDS = 1e6;
const DURABLE = Promise.resolve();

/**
 * Inboxes in NATS JetStream, which any number of nodes share. Any node appends, without looking at the box. The node that has opened a box
 * last delivers its messages. Unattended boxes are looked after by the holder of their shard's lease.
 *
 * JetStream itself limits the messages of each recipient; the limit on their characters is checked for boxes that are open here. What owners have in the
 * boxes of all nodes is known after two to three seconds, from their reports. An append may store a duplicate, which no reader returns.
 */
export class JetstreamInbox implements Inbox {
  readonly #connection: JetstreamConnection;
  readonly #limits: InboxLimits;
  readonly #instance: string;
  readonly #now: () => number;
  readonly #ownerOf: (recipient: string) => string | undefined;
  readonly #usage = new OwnerUsage();
  readonly #open = new Map<string, JetstreamBox>();
  /** Pending appends by fingerprint, and their ends by recipient. */
  readonly #pending = new Map<Fingerprint, Promise<Appended>>();
  readonly #appending = new Map<string, Set<Promise<unknown>>>();
  readonly #seen: { readonly stream: string; readonly prefix: string; readonly reader: StreamReader };
  readonly #context: BoxContext;
  #streams!: BoxStreams;
  #unattended!: UnattendedBoxes;
  #reports!: OwnerReports;
  #totals = { messages: 0, length: 0 };
  #mediated = 0;
  #onDamaged: (message: DamagedMessage) => void = () => undefined;
  #closing: Promise<void> | undefined;

  private constructor(connection: JetstreamConnection, options: JetstreamInboxOptions) {
    this.#connection = connection;
    this.#limits = inboxLimits(options.limits);
    this.#instance = options.instance ?? randomUUID();
    this.#now = options.now ?? Date.now;
    this.#ownerOf = options.ownerOf ?? (() => undefined);
    const stream = `${connection.prefix}_seen`.toUpperCase();
    this.#seen = { stream, prefix: `${connection.prefix}.seen.`, reader: new StreamReader(connection, stream) };
    this.#context = {
      connection,
      instance: this.#instance,
      maxMessages: this.#limits.maxMessages,
      now: this.#now,
      appended: (recipient) => this.#appended(recipient),
      onUsage: (recipient, messages, length) => this.#countFor(this.#ownerOf(recipient), messages, length),
      onDamaged: (message) => this.#onDamaged(message),
      onClosed: (box) => {
        if (this.#open.get(box.recipient) === box) this.#open.delete(box.recipient);
        this.#unattended.touch(box.recipient);
      },
    };
  }

  /**
   * Opens the inboxes on a connection, which stays open when they are closed.
   *
   * @throws JetstreamError `streams_unavailable`; StorageError `storage_failed`
   */
  static async open(connection: JetstreamConnection, options: JetstreamInboxOptions = {}): Promise<JetstreamInbox> {
    const inbox = new JetstreamInbox(connection, options);
    const { maxMessages, remoteDeduplicationMs, maxRemembered } = inbox.#limits;
    const { shards, maxAgeMs = 8 * DAY_MS } = options;
    inbox.#streams = await BoxStreams.open(connection, { shards, maxMessages, maxAgeMs });
    const { stream, prefix } = inbox.#seen;
    const limits = { max_age: remoteDeduplicationMs * NANOSECONDS, max_msgs: maxRemembered, max_msgs_per_subject: 1 };
    await ensureStreams(connection, [{ name: stream, subjects: [`${prefix}*`], discard: "old", ...limits }]);
    const { servers = () => 1 } = options;
    inbox.#reports = new OwnerReports({ connection, instance: inbox.#instance, limits: inbox.#limits, servers });
    const running = options.running ?? (() => Promise.resolve(new Set<string>()));
    inbox.#unattended = await UnattendedBoxes.open({
      connection,
      streams: inbox.#streams,
      now: inbox.#now,
      ownerOf: inbox.#ownerOf,
      isOpen: (recipient) => inbox.#open.has(recipient),
      load: (recipient) => inbox.#load(recipient),
      // A box that this one has not open was left so by an earlier start.
      running: async () => new Set([...(await running())].filter((instance) => instance !== inbox.#instance)),
      onCounted: ({ owner, messages, length }, sign, recipient) => {
        if (isMediated({ recipient })) inbox.#mediated += sign * messages;
        inbox.#countFor(owner, sign * messages, sign * length);
      },
    });
    return inbox;
  }

  append(message: MessageToStore): Promise<Appended> {
    if (this.#closing !== undefined) return rejectClosed();
    const fingerprint = fingerprintOf(message);
    const first = this.#pending.get(fingerprint);
    if (first !== undefined) return first.then((appended) => (appended.status === "stored" ? { status: "duplicate" } : appended));
    const { recipient, plaintext } = message;
    const room = checkRoom(plaintext.length, { recipient: this.usage(recipient), owner: this.ownerUsage(recipient) }, this.#limits);
    if (!room.ok) return Promise.resolve({ status: "full", of: room.of });
    const storing = this.#store(message, fingerprint);
    const appending = this.#appending.get(recipient) ?? new Set();
    this.#appending.set(recipient, appending.add(storing));
    this.#pending.set(fingerprint, storing);
    const end = (): void => {
      this.#pending.delete(fingerprint);
      if (appending.delete(storing) && appending.size === 0) this.#appending.delete(recipient);
    };
    storing.then(end, end);
    return storing;
  }

  /**
   * Stores the messages of a box of another inbox, in order. Those that an interrupted import has stored are the first ones, and left out. Called while no
   * node uses the inboxes.
   *
   * @returns the number of messages in the box.
   * @throws StorageError `storage_failed`; TypeError if the box may not have as many messages
   */
  async import(recipient: string, pages: AsyncIterable<readonly InboxMessage[]>): Promise<number> {
    const before = (await this.depth(recipient)).messages;
    const tried: [seq: number, attempts: number][] = [];
    let count = 0;
    for await (const page of pages) {
      for (const message of page) {
        if (++count <= before) continue;
        // The same message may have been stored twice, long after each other: it is not remembered here.
        const stored = await this.#publish(message, fingerprintOf(message), 0);
        if (!stored.ok) throw new TypeError(`The inbox of ${recipient} may have ${this.#limits.maxMessages} messages there, and has more`);
        if (message.attempts > 0) tried.push([stored.seq, message.attempts]);
      }
    }
    if (count === 0) return 0;
    const box = await this.peek(recipient);
    await Promise.all(tried.map(([seq, attempts]) => box.recordAttempts(seq, attempts)));
    const { messages } = box.depth();
    if (messages !== count) throw new TypeError(`The inbox of ${recipient} has ${messages} messages there, not ${count}`);
    return count;
  }

  async remembers(message: MessageIdentity): Promise<boolean> {
    if (this.#closing !== undefined) return rejectClosed();
    const fingerprint = fingerprintOf(message);
    await this.#pending.get(fingerprint)?.catch(() => undefined);
    const { reader, prefix } = this.#seen;
    const { remoteDeduplicationMs } = this.#limits;
    try {
      const at = (await reader.last(prefix + tokenOf(fingerprint)))?.body;
      return at !== undefined && this.#now() - Number(Buffer.from(at).toString()) < remoteDeduplicationMs;
    } catch (error) {
      throw readError(error);
    }
  }

  async open(recipient: string, listener: BoxListener): Promise<Box> {
    if (this.#closing !== undefined) return rejectClosed();
    const former = this.#open.get(recipient);
    const box = new JetstreamBox(recipient, this.#streams.placeOf(recipient), this.#context);
    this.#open.set(recipient, box);
    former?.lose();
    try {
      await box.open(listener);
      return box;
    } catch (error) {
      await box.close();
      throw readError(error);
    }
  }

  async peek(recipient: string): Promise<Box> {
    if (this.#closing !== undefined) return rejectClosed();
    await this.#appended(recipient);
    return this.#load(recipient);
  }

  async *expired(now: number): AsyncGenerator<ExpiredMessages> {
    if (this.#closing !== undefined) return;
    const slice = new TimeSlice();
    for (const box of this.#open.values()) {
      box.expire(now);
      if (slice.isOver) await slice.next();
    }
    yield* this.#unattended.sweep(now);
  }

  async depth(recipient: string): Promise<Depth> {
    if (this.#closing !== undefined) return rejectClosed();
    await this.#appended(recipient);
    return (await this.#load(recipient)).depth();
  }

  usage(recipient: string): Depth {
    return this.#open.get(recipient)?.depth() ?? NO_USAGE;
  }

  ownerUsage(recipient: string): Depth {
    const owner = this.#ownerOf(recipient);
    const [here, elsewhere] = [this.#usage.of(owner), this.#reports.elsewhere(owner)];
    return { messages: here.messages + elsewhere.messages, length: here.length + elsewhere.length };
  }

  /** The boxes that no server has open, and which have connections. */
  get unattended(): Pick<UnattendedBoxes, "summary" | "touch" | "useConnections"> {
    return this.#unattended;
  }

  /** Envelopes in the queues of mediators that this server looks after. */
  get mediated(): number {
    return this.#mediated;
  }

  /** Usage of the boxes that are open here, and of those that no server has open and that this one looks after. */
  totals(): Depth {
    return { ...this.#totals };
  }

  onDamaged(listener: (message: DamagedMessage) => void): void {
    this.#onDamaged = listener;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#pending.values());
    await closeAll(
      ...Array.from(this.#open.values(), (box) => () => box.shutDown()),
      () => this.#unattended.close(),
      () => this.#reports.close(),
    );
  }

  async #store(message: MessageToStore, fingerprint: Fingerprint): Promise<Appended> {
    const { recipient, remote = false } = message;
    const rememberMs = remote ? this.#limits.remoteDeduplicationMs : this.#limits.deduplicationMs;
    const send = () => this.#publish(message, fingerprint, rememberMs);
    let stored = await send();
    const box = this.#open.get(recipient);
    if (!stored.ok && box !== undefined && box.index.stale.size > 0) {
      await box.purge(true);
      stored = await send();
    }
    if (!stored.ok) return { status: "full", of: "recipient" };
    if (remote) await this.#remember(fingerprint, this.#now());
    return { status: "stored", durable: DURABLE };
  }

  #publish(message: MessageToStore, fingerprint: Fingerprint, rememberMs: number): ReturnType<typeof publish> {
    const { recipient, plaintext, expiresAt } = message;
    const at = this.#now();
    const { stream, subject } = (this.#open.get(recipient)?.place ?? this.#streams.placeOf(recipient)).messages;
    const head = {
      recipient,
      fingerprint,
      rememberedUntil: at + rememberMs,
      at,
      length: plaintext.length,
      expiresAt: storableTime(expiresAt),
    };
    return publish(this.#connection, encodeMessage(message), { stream, subject, headers: encodeHead(head) });
  }

  /** After the message is stored: otherwise the other node would believe that it is. */
  async #remember(fingerprint: Fingerprint, at: number): Promise<void> {
    const { stream, prefix } = this.#seen;
    await publish(this.#connection, Buffer.from(String(at)), { stream, subject: prefix + tokenOf(fingerprint) });
  }

  /** Waits for the pending appends to a recipient. */
  async #appended(recipient: string): Promise<void> {
    const appending = this.#appending.get(recipient);
    if (appending !== undefined) await Promise.allSettled(appending);
  }

  #countFor(owner: string | undefined, messages: number, length: number): void {
    this.#totals.messages += messages;
    this.#totals.length += length;
    if (owner === undefined) return;
    this.#usage.change(owner, messages, length);
    this.#reports.note(owner, this.#usage.of(owner));
  }

  /** A box as it is now: the open one, or one that is not opened by this. @throws StorageError `storage_failed` */
  async #load(recipient: string): Promise<JetstreamBox> {
    const box =
      this.#open.get(recipient) ??
      new JetstreamBox(recipient, this.#streams.placeOf(recipient), { ...this.#context, onUsage: () => undefined });
    try {
      await box.load();
      return box;
    } catch (error) {
      throw readError(error);
    }
  }
}

function tokenOf(fingerprint: Fingerprint): string {
  return Buffer.from(fingerprint, "latin1").toString("base64url");
}

function readError(cause: unknown): StorageError {
  return cause instanceof StorageError ? cause : new StorageError("storage_failed", "An inbox can't be read", { cause });
}

function rejectClosed(): Promise<never> {
  return Promise.reject(new StorageError("storage_failed", "The inbox is closed"));
}
