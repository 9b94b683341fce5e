import { DeliverPolicy, type JsMsg, type StoredMsg } from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/nats-core";
import type { JetstreamConnection } from "./connection.ts";

/** A message of a stream. `body` is absent if only headers were read. */
export interface StreamMessage {
  readonly seq: number;
  readonly headers: MsgHdrs | undefined;
  readonly body?: Uint8Array | undefined;
}

/** How much is under way from the server. A lost server is noticed after two missed heartbeats. */
const HEARTBEAT_MS = 1000;
const HEADS = { max_messages: 1000, expires: 10_000, idle_heartbeat: HEARTBEAT_MS } as const;
const BODIES = { max_bytes: 8 * 1024 * 1024, expires: 10_000, idle_heartbeat: HEARTBEAT_MS } as const;

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
   * A subject's messages after one stream sequence and up to another, or a few more. For more than a few messages.
   *
   * @param upTo infinite: until the signal aborts.
   * @param headersOnly leaves bodies out.
   */
  async *messages(subject: string, after: number, upTo: number, headersOnly: boolean, signal?: AbortSignal): AsyncGenerator<StreamMessage> {
    for await (const { seq, headers, data } of this.#consume(subject, after, headersOnly, signal)) {
      yield { seq, headers, body: headersOnly ? undefined : data };
      if (seq >= upTo) return;
    }
  }

  /** A subject's messages after a stream sequence, without an end. */
  async *#consume(subject: string, after: number, headersOnly: boolean, signal?: AbortSignal): AsyncGenerator<JsMsg> {
    const { js, closed } = this.#connection;
    const position = { filter_subjects: subject, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: after + 1 };
    const open = () => js.consumers.get(this.#stream, { ...position, headers_only: headersOnly });
    const consumer = await this.#connection.retry(this.#stream, open);
    const messages = await this.#connection.retry(this.#stream, () => consumer.consume(headersOnly ? HEADS : BODIES));
    const stop = (): void => void messages.close();
    closed.addEventListener("abort", stop);
    signal?.addEventListener("abort", stop);
    try {
      yield* messages;
    } finally {
      closed.removeEventListener("abort", stop);
      signal?.removeEventListener("abort", stop);
      await messages.close();
      await consumer.delete().catch(() => undefined);
    }
  }

  /** nats-server 2.10 finds no last message of a subject whose last one was deleted, although it has earlier ones. */
  async #searchLast(subject: string): Promise<StreamMessage | undefined> {
    let last: number | undefined;
    // A consumer on a server that lags behind ends too early.
    for (let next = await this.next(subject, 0); next !== undefined; next = await this.next(subject, last)) {
      last = next.seq;
      for await (const { seq, info } of this.#consume(subject, last - 1, true)) {
        last = seq;
        if (info.pending === 0) break;
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

function read({ seq, header, data }: StoredMsg): StreamMessage {
  return { seq, headers: header, body: data };
}
