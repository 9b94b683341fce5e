import { type Consumer, DeliverPolicy, type JsMsg, type StoredMsg } from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/nats-core";
import { sleep } from "@parley/core/internal";
import type { JetstreamConnection } from "./connection.ts";

/** A message of a stream. `body` is absent if only headers were read. */
export interface StreamMessage {
  readonly seq: number;
  readonly subject: string;
  /** When it was stored, in milliseconds since 1970. */
  readonly at: number;
  readonly headers: MsgHdrs | undefined;
  readonly body?: Uint8Array | undefined;
  /** How many more of the messages that are read there are now; absent if it comes from the leader. */
  readonly pending?: number | undefined;
}

/** How much is under way from the server. A lost server is noticed after two missed heartbeats. */
const HEARTBEAT_MS = 1000;
const HEADS = { max_messages: 1000, expires: 10_000, idle_heartbeat: HEARTBEAT_MS } as const;
/** The server ends a batch after this time, unless it is full. */
const BATCH = { expires: 5000, idle_heartbeat: HEARTBEAT_MS } as const;
const MAX_BATCH = 1000;
const BODIES = { max_bytes: 8 * 1024 * 1024, expires: 10_000, idle_heartbeat: HEARTBEAT_MS } as const;
/**
 * How often a reader that waits asks the leader whether there are more messages, in milliseconds: one that reads up to an end, and one that follows.
 * After the second time, its consumer is taken for stuck.
 */
const CHECK_MS = 2000;
const FOLLOW_CHECK_MS = 5000;
/** Messages that are asked of the leader before a new consumer is tried. */
const FROM_LEADER = 1000;
/** The end of a subject whose last message isn't known. */
const UP_TO_NOW = Number.MAX_SAFE_INTEGER;

/** What is read of a subject. */
interface Range {
  readonly subject: string;
  /** Stream sequence of the last message that was read. */
  seen: number;
  readonly upTo: number;
  readonly headersOnly: boolean;
  /** It is read in batches, with pauses of this time between them, in milliseconds. */
  readonly pauseMs?: number;
}

/** Reads messages of one stream. Every call waits for a leader, as {@link JetstreamConnection.retry} says. */
export class StreamReader {
  readonly #connection: JetstreamConnection;
  readonly #stream: string;

  constructor(connection: JetstreamConnection, stream: string) {
    this.#connection = connection;
    this.#stream = stream;
  }

  /** The last message of a subject, asked of the leader. */
  async last(subject: string): Promise<StreamMessage | undefined> {
    return (await this.#askLeader({ last_by_subj: subject })) ?? (await this.#searchLast(subject));
  }

  /** The first message of a subject after a stream sequence, asked of the leader. */
  next(subject: string, after: number): Promise<StreamMessage | undefined> {
    // The types of the library lack this query; the server has it since 2.9.
    return this.#askLeader({ seq: after + 1, next_by_subj: subject } as { seq: number });
  }

  /** A message by its stream sequence: from any server, or from the leader if that one does not have it yet. */
  async get(seq: number): Promise<StreamMessage | undefined> {
    const { jsm } = this.#connection;
    const direct = await this.#connection.retry(this.#stream, () => jsm.direct.getMessage(this.#stream, { seq }));
    return direct === null ? this.#askLeader({ seq }) : read(direct);
  }

  /**
   * A subject's messages after one stream sequence and up to another, or a few more. For more than a few messages. Ends even if the last ones
   * are deleted while it reads.
   *
   * @param upTo infinite: until the signal aborts.
   * @param headersOnly leaves bodies out.
   */
  messages(subject: string, after: number, upTo: number, headersOnly: boolean, signal?: AbortSignal): AsyncGenerator<StreamMessage> {
    return this.#read({ subject, seen: after, upTo, headersOnly }, signal);
  }

  /**
   * Follows a subject, without bodies: reads what there is, and pauses. Messages that are removed within a pause are not read, which saves most of the
   * work if messages are removed soon after they were stored.
   */
  follow(subject: string, after: number, pauseMs: number, signal: AbortSignal): AsyncGenerator<StreamMessage> {
    return this.#read({ subject, seen: after, upTo: Number.POSITIVE_INFINITY, headersOnly: true, pauseMs }, signal);
  }

  /**
   * A consumer is on one server, which may have stopped replicating the stream without being gone: then it sends nothing, without an error. So the rest
   * is asked of the leader, and of another consumer.
   */
  async *#read(range: Range, signal?: AbortSignal): AsyncGenerator<StreamMessage> {
    while (!(yield* range.pauseMs === undefined ? this.#consume(range, signal) : this.#consumeBatches(range, range.pauseMs, signal))) {
      for (let count = 0; count < FROM_LEADER; count++) {
        const next = await this.next(range.subject, range.seen);
        if (next === undefined || next.seq > range.upTo) break;
        range.seen = next.seq;
        yield range.headersOnly ? { ...next, body: undefined } : next;
        if (next.seq >= range.upTo) return;
      }
    }
  }

  /** Reads by one consumer. @returns whether all was read, or the reader was stopped; else the consumer has ended, or is stuck. */
  async *#consume(range: Range, signal?: AbortSignal): AsyncGenerator<StreamMessage, boolean> {
    const { closed } = this.#connection;
    const consumer = await this.#openConsumer(range);
    const messages = await this.#connection.retry(this.#stream, () => consumer.consume(range.headersOnly ? HEADS : BODIES));
    const stop = (): void => void messages.close();
    let isOver = false;
    const end = (): void => {
      isOver = true;
      stop();
    };
    const ends = [closed, ...(signal === undefined ? [] : [signal])];
    for (const each of ends) each.addEventListener("abort", end);
    if (ends.some(({ aborted }) => aborted)) end();
    let isWaiting = true;
    let missed: number | undefined;
    const check = async (): Promise<void> => {
      const { seen, subject, upTo } = range;
      if (!isWaiting) return;
      const next = await this.next(subject, seen);
      if (!isWaiting || range.seen !== seen) return;
      const isRest = next !== undefined && next.seq <= upTo;
      if (isRest && missed === seen) stop();
      if (!isRest && Number.isFinite(upTo)) end();
      missed = isRest ? seen : undefined;
    };
    // A failed check is repeated.
    const checks = setInterval(() => void check().catch(() => undefined), Number.isFinite(range.upTo) ? CHECK_MS : FOLLOW_CHECK_MS);
    try {
      for await (const message of messages) {
        isWaiting = false;
        range.seen = message.seq;
        yield consumed(message, range);
        if (range.seen >= range.upTo) return true;
        isWaiting = true;
      }
      return isOver;
    } finally {
      clearInterval(checks);
      for (const each of ends) each.removeEventListener("abort", end);
      await messages.close();
      // If its server does not answer, it removes the consumer after five seconds without readers.
      void consumer.delete().catch(() => undefined);
    }
  }

  /** Reads by one consumer, as {@link #consume}. After a batch that stayed empty, the leader tells whether it is stuck. */
  async *#consumeBatches(range: Range, pauseMs: number, signal?: AbortSignal): AsyncGenerator<StreamMessage, boolean> {
    const { closed } = this.#connection;
    const isOver = (): boolean => closed.aborted || signal?.aborted === true;
    const consumer = await this.#openConsumer(range);
    try {
      // After a pause, a batch of one tells how many there are. All others have at least two.
      for (let size = 1; !isOver();) {
        const pending = yield* this.#readBatch(consumer, range, size, signal);
        if (pending === undefined) {
          if ((await this.next(range.subject, range.seen)) !== undefined) break;
          continue;
        }
        const readsOn = size === 1 ? pending > 0 : pending >= MAX_BATCH;
        size = readsOn ? Math.max(2, Math.min(pending, MAX_BATCH)) : 1;
        if (!readsOn) await sleep(pauseMs, signal ?? closed);
      }
      return isOver();
    } finally {
      void consumer.delete().catch(() => undefined);
    }
  }

  /** @returns how many messages there are after the last one of the batch; `undefined` for an empty one. */
  async *#readBatch(
    consumer: Consumer,
    range: Range,
    size: number,
    signal?: AbortSignal,
  ): AsyncGenerator<StreamMessage, number | undefined> {
    const messages = await consumer.fetch({ ...BATCH, max_messages: size });
    const stop = (): void => void messages.close();
    // A server that is gone does not end it.
    const timer = setTimeout(stop, BATCH.expires + CHECK_MS);
    signal?.addEventListener("abort", stop);
    if (signal?.aborted === true) stop();
    let pending: number | undefined;
    try {
      for await (const message of messages) {
        range.seen = message.seq;
        pending = message.info.pending;
        yield consumed(message, range);
      }
      return pending;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      await messages.close();
    }
  }

  #openConsumer({ subject, seen, headersOnly }: Range): Promise<Consumer> {
    const position = { filter_subjects: subject, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: seen + 1 };
    return this.#connection.retry(this.#stream, () =>
      this.#connection.js.consumers.get(this.#stream, { ...position, headers_only: headersOnly }),
    );
  }

  /** nats-server 2.10 finds no last message of a subject whose last one was deleted, although it has earlier ones. */
  async #searchLast(subject: string): Promise<StreamMessage | undefined> {
    let last: number | undefined;
    // A consumer on a server that lags behind ends too early.
    for (let next = await this.next(subject, 0); next !== undefined; next = await this.next(subject, last)) {
      last = next.seq;
      for await (const { seq, pending } of this.#read({ subject, seen: last - 1, upTo: UP_TO_NOW, headersOnly: true })) {
        last = seq;
        if (pending === 0) break;
      }
    }
    return last === undefined ? undefined : this.#askLeader({ seq: last });
  }

  #askLeader(query: { seq: number } | { last_by_subj: string }): Promise<StreamMessage | undefined> {
    const { jsm } = this.#connection;
    return this.#connection.retry(this.#stream, async () => {
      const found = await jsm.streams.getMessage(this.#stream, query);
      return found === null ? undefined : read(found);
    });
  }
}

function consumed({ seq, subject, headers, data, time, info }: JsMsg, { headersOnly }: Range): StreamMessage {
  return { seq, subject, headers, body: headersOnly ? undefined : data, at: time.getTime(), pending: info.pending };
}

function read({ seq, subject, header, data, time }: StoredMsg): StreamMessage {
  return { seq, subject, headers: header, body: data, at: time.getTime() };
}
