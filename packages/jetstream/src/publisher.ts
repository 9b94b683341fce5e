import { type ApiError, JetStreamApiError } from "@nats-io/jetstream";
import { createInbox, errors, headers as newHeaders, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { ChurnMap, type Deferred, deferred } from "@parley/core/internal";

/** Where a message is stored, and under which condition. */
export interface Placement {
  /** The stream of its subject. */
  readonly stream: string;
  readonly headers?: MsgHdrs | undefined;
  /** Stream sequence that the subject's last message must have; 0 for none. */
  readonly expected?: number | undefined;
}

interface Publish {
  readonly stream: string;
  readonly subject: string;
  /** By `performance.now()`. */
  readonly deadline: number;
  readonly acknowledged: Deferred<number>;
}

/** https://docs.nats.io/reference/reference-protocols/nats_api_reference */
interface Acknowledgement {
  readonly stream: string;
  readonly seq: number;
  readonly error?: ApiError;
}

const EXPECTED = "Nats-Expected-Last-Subject-Sequence";
const UNAVAILABLE = 503;

/**
 * Publishes to streams. The library's own calls do the same with two promises, a timer and three more headers for each message, which takes several times
 * the processor time. Here one subscription gets all acknowledgements, and one timer watches the oldest publish.
 */
export class Publisher {
  readonly #nc: NatsConnection;
  readonly #timeoutMs: number;
  /** Begins the subjects of acknowledgements. */
  readonly #inbox = `${createInbox()}.`;
  /** By the last token of the acknowledgement's subject; the oldest first. */
  readonly #pending = new ChurnMap<string, Publish>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(nc: NatsConnection, timeoutMs: number) {
    this.#nc = nc;
    this.#timeoutMs = timeoutMs;
    nc.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
  }

  /**
   * Stores a message in a stream.
   *
   * @returns its stream sequence.
   * @throws JetStreamApiError if the stream rejects it; TimeoutError if it may have been stored; other errors of the library.
   */
  publish(subject: string, body: Uint8Array, { stream, headers, expected }: Placement): Promise<number> {
    const token = String(++this.#count);
    const acknowledged = deferred<number>();
    try {
      const fields = expecting(expected, headers);
      const reply = this.#inbox + token;
      this.#nc.publish(subject, body, fields === undefined ? { reply } : { reply, headers: fields });
    } catch (error) {
      return Promise.reject(error);
    }
    this.#pending.set(token, { stream, subject, deadline: performance.now() + this.#timeoutMs, acknowledged });
    this.#timer ??= setTimeout(() => this.#expire(), this.#timeoutMs);
    return acknowledged.promise;
  }

  /** Rejects the publishes to a subject, because NATS did. */
  rejectAll(subject: string, error: Error): void {
    for (const [token, publish] of this.#pending) if (publish.subject === subject) this.#end(token)?.reject(error);
  }

  close(error: Error): void {
    clearTimeout(this.#timer);
    for (const [token] of this.#pending) this.#end(token)?.reject(error);
  }

  #take(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length);
    const publish = this.#pending.get(token);
    if (publish === undefined) return;
    this.#pending.delete(token);
    try {
      publish.acknowledged.resolve(readAcknowledgement(message, publish));
    } catch (error) {
      publish.acknowledged.reject(error);
    }
  }

  #end(token: string): Deferred<number> | undefined {
    const publish = this.#pending.get(token);
    this.#pending.delete(token);
    return publish?.acknowledged;
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [token, { deadline }] of this.#pending) {
      if (deadline > now) {
        this.#timer = setTimeout(() => this.#expire(), deadline - now);
        return;
      }
      this.#end(token)?.reject(new errors.TimeoutError());
    }
  }
}

function expecting(expected: number | undefined, headers: MsgHdrs | undefined): MsgHdrs | undefined {
  if (expected === undefined) return headers;
  const fields = headers ?? newHeaders();
  fields.set(EXPECTED, String(expected));
  return fields;
}

/** @throws if the message is not stored in the stream. */
function readAcknowledgement({ data, headers }: Msg, { stream, subject }: Publish): number {
  // No stream has the subject, or its server does not answer.
  if (data.length === 0 && headers?.code === UNAVAILABLE) throw new errors.NoRespondersError(subject);
  const answer = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString()) as Acknowledgement;
  if (answer.error !== undefined) throw new JetStreamApiError(answer.error);
  if (answer.stream !== stream)
    throw new errors.ProtocolError(`The subject ${subject} belongs to the stream ${answer.stream}, not to ${stream}`);
  return answer.seq;
}
