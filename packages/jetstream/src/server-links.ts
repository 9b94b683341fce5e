import { isJsonObject, type JsonObject, ParleyError } from "@parley/core";
import { type Deferred, deferred, describeThrown } from "@parley/core/internal";
import type { JetstreamConnection } from "./connection.ts";
import { JetstreamError } from "./jetstream-error.ts";
import { decodeLinkFrame, encodeLinkFrame, type LinkFrame, type LinkMessage, type QueuedMessage } from "./link-frame.ts";

/** Receives what other servers send. It must not throw. */
export interface LinkListener {
  /** Messages of one server arrive in the order in which they were sent, calls included. */
  onMessage(server: string, message: LinkMessage): void;
  /** Answers a call. An error is reported to the caller. */
  onCall(server: string, request: JsonObject): JsonObject | Promise<JsonObject>;
  /** Messages to or from a server were lost, or may be: what was agreed with it is void. */
  onBroken(server: string): void;
}

/** Options of {@link ServerLinks.open}. */
export interface ServerLinksOptions {
  /** Id of this server, such as `Members.id`: characters of `A-Z a-z 0-9 - _`. Each start has another one. */
  readonly self: string;
  readonly listener: LinkListener;
  /** Time without a sign of a server after which its link is broken, in milliseconds. The same for all servers. Default 8000. */
  readonly silenceMs?: number | undefined;
}

interface Link {
  generation: number;
  sent: number;
  received: number;
  queue: QueuedMessage[];
  queuedBytes: number;
  isScheduled: boolean;
  readonly calls: Map<number, Deferred<JsonObject>>;
  /** Whether anything was sent or received in this generation. */
  isActive: boolean;
  heardAt: number;
}

const DEFAULT_SILENCE_MS = 8000;
/** Parts of `silenceMs` after which an active link sends a sign of life. */
const SIGN_AFTER = 0.25;
/** Bytes, about, after which a frame is sent before the turn of the event loop ends. */
const MAX_FRAME_BYTES = 256 * 1024;

/**
 * Messages and calls between servers, over NATS without JetStream: nothing is stored. Messages from one server to another arrive in order and once,
 * those of one turn of the event loop in one frame. If one is lost, the link breaks: both ends learn of it, and start again.
 */
export class ServerLinks {
  readonly #connection: JetstreamConnection;
  readonly #self: string;
  readonly #listener: LinkListener;
  readonly #silenceMs: number;
  readonly #links = new Map<string, Link>();
  #lastCall = 0;
  #stop: () => void = () => undefined;

  private constructor(connection: JetstreamConnection, { self, listener, silenceMs = DEFAULT_SILENCE_MS }: ServerLinksOptions) {
    this.#connection = connection;
    this.#self = self;
    this.#listener = listener;
    this.#silenceMs = silenceMs;
  }

  /** Resolves when NATS has the subscription: messages that are sent to this server after that arrive. */
  static async open(connection: JetstreamConnection, options: ServerLinksOptions): Promise<ServerLinks> {
    const links = new ServerLinks(connection, options);
    const subscription = connection.nc.subscribe(links.#subjectOf(options.self), {
      callback: (error, { data }) => {
        const frame = error === null ? decodeLinkFrame(data) : undefined;
        if (frame !== undefined) links.#receive(frame);
      },
    });
    const timer = setInterval(() => links.#checkSigns(), SIGN_AFTER * links.#silenceMs).unref();
    links.#stop = () => {
      clearInterval(timer);
      subscription.unsubscribe();
    };
    // Without a connection the subscription is sent with the next one.
    await connection.nc.flush().catch(() => undefined);
    return links;
  }

  /** Sends a message. It is lost if the link breaks. */
  send(server: string, head: JsonObject, body?: Uint8Array): void {
    this.#push(server, { m: head }, body);
  }

  /**
   * Calls a server, in order with the messages that are sent to it.
   *
   * @throws JetstreamError `call_timeout`, `call_unanswered` (the link broke), `call_failed`
   */
  async call(server: string, request: JsonObject, timeoutMs: number): Promise<JsonObject> {
    const id = ++this.#lastCall;
    const result = deferred<JsonObject>();
    const link = this.#linkTo(server);
    link.calls.set(id, result);
    const timer = setTimeout(
      () => result.reject(new JetstreamError("call_timeout", "Another server did not answer a call in time")),
      timeoutMs,
    );
    this.#push(server, { call: id, request });
    try {
      return await result.promise;
    } finally {
      clearTimeout(timer);
      link.calls.delete(id);
    }
  }

  /** Forgets a server that has ended. */
  forget(server: string): void {
    const link = this.#links.get(server);
    if (link === undefined) return;
    this.#links.delete(server);
    this.#reset(server, link, link.generation);
  }

  /** Sends what is queued, and ends all links. */
  async close(): Promise<void> {
    this.#stop();
    for (const [server, link] of this.#links) this.#flush(server, link);
    if (!this.#connection.closed.aborted) await this.#connection.nc.flush().catch(() => undefined);
    for (const link of this.#links.values()) failCalls(link);
    this.#links.clear();
  }

  #linkTo(server: string): Link {
    const known = this.#links.get(server);
    if (known !== undefined) return known;
    const link: Link = {
      generation: 1,
      sent: 0,
      received: 0,
      queue: [],
      queuedBytes: 0,
      isScheduled: false,
      calls: new Map(),
      isActive: false,
      heardAt: performance.now(),
    };
    this.#links.set(server, link);
    return link;
  }

  #push(server: string, content: JsonObject, body?: Uint8Array): void {
    const link = this.#linkTo(server);
    if (!link.isActive) link.heardAt = performance.now();
    link.isActive = true;
    const head = JSON.stringify(content);
    link.queue.push({ head, body });
    link.queuedBytes += head.length + (body?.length ?? 0);
    if (link.queuedBytes >= MAX_FRAME_BYTES) return this.#flush(server, link);
    if (link.isScheduled) return;
    link.isScheduled = true;
    setImmediate(() => {
      link.isScheduled = false;
      if (this.#links.get(server) === link) this.#flush(server, link);
    });
  }

  #flush(server: string, link: Link): void {
    if (link.queue.length === 0) return;
    const messages = link.queue;
    link.queue = [];
    link.queuedBytes = 0;
    link.sent += 1;
    this.#publish(server, { from: this.#self, generation: link.generation, seq: link.sent, messages });
  }

  #publish(server: string, frame: Parameters<typeof encodeLinkFrame>[0]): void {
    try {
      this.#connection.nc.publish(this.#subjectOf(server), encodeLinkFrame(frame));
    } catch {
      // The connection is closed, or the frame is too large for NATS: the other server misses it, and breaks the link.
    }
  }

  #receive({ from, generation, seq, messages }: LinkFrame): void {
    const link = this.#linkTo(from);
    link.heardAt = performance.now();
    link.isActive = true;
    if (generation < link.generation) return this.#sign(from, link);
    if (generation > link.generation) this.#reset(from, link, generation);
    const isNext = messages.length > 0 && seq === link.received + 1;
    if (!isNext) {
      // A frame without messages names the last one with messages.
      if (seq > link.received) this.#break(from, link);
      return;
    }
    link.received = seq;
    for (const message of messages) this.#take(from, link, message);
  }

  #take(server: string, link: Link, { head, body }: LinkMessage): void {
    const { m: content, call, request, reply, result, error } = head;
    if (isJsonObject(content)) this.#listener.onMessage(server, { head: content, body });
    else if (typeof call === "number" && isJsonObject(request)) void this.#answer(server, link, call, request);
    else if (typeof reply === "number") {
      const waiting = link.calls.get(reply);
      if (isJsonObject(result)) waiting?.resolve(result);
      else
        waiting?.reject(
          new JetstreamError("call_failed", `A call to another server failed: ${typeof error === "string" ? error : "no reason"}`),
        );
    }
  }

  /** Never rejects. The handler is called at once, so that calls and messages keep their order. */
  async #answer(server: string, link: Link, call: number, request: JsonObject): Promise<void> {
    const { generation } = link;
    const answer = await resultOf(() => this.#listener.onCall(server, request));
    if (this.#links.get(server) === link && link.generation === generation) this.#push(server, { reply: call, ...answer });
  }

  #break(server: string, link: Link): void {
    this.#reset(server, link, link.generation + 1);
    this.#sign(server, link);
  }

  #reset(server: string, link: Link, generation: number): void {
    Object.assign(link, { generation, sent: 0, received: 0, queue: [], queuedBytes: 0 });
    failCalls(link);
    this.#listener.onBroken(server);
  }

  #sign(server: string, { generation, sent }: Link): void {
    this.#publish(server, { from: this.#self, generation, seq: sent, messages: [] });
  }

  #checkSigns(): void {
    const now = performance.now();
    for (const [server, link] of this.#links) {
      if (!link.isActive) continue;
      if (now - link.heardAt > this.#silenceMs) {
        link.isActive = false;
        this.#break(server, link);
      } else this.#sign(server, link);
    }
  }

  #subjectOf(server: string): string {
    return `${this.#connection.prefix}.link.${server}`;
  }
}

function failCalls(link: Link): void {
  for (const waiting of link.calls.values()) waiting.reject(new JetstreamError("call_unanswered", "The link to another server broke"));
  link.calls.clear();
}

async function resultOf(answer: () => JsonObject | Promise<JsonObject>): Promise<JsonObject> {
  try {
    return { result: await answer() };
  } catch (error) {
    return { error: error instanceof ParleyError ? `${error.code}: ${error.message}` : describeThrown(error) };
  }
}
