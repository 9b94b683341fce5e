import { createMessage, encodePlaintext, ParleyError, TransportError, type Connection, type Message, type MessageInit } from "@parley/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import { readConfig, readTimeout, type Config, type Settings } from "./config.ts";
import { Dispatcher } from "./dispatcher.ts";
import { ErrorKind, errorReporter, kindOfSendError, type ErrorHandler, type ReportError } from "./error-handler.ts";
import {
  AlreadyConnectedError,
  ClientClosedError,
  ConnectionError,
  DisconnectedError,
  NotConnectedError,
  sendErrorFrom,
} from "./errors.ts";
import { HandlerRunner } from "./handler-runner.ts";
import { Handlers, requireMessageType, type Handler, type HandlerOptions, type SchemaHandlerOptions } from "./handlers.ts";
import type { ReceivedMessage } from "./inbound-message.ts";
import { Listeners } from "./listeners.ts";
import type { Mutable } from "./mutable.ts";
import { Pool } from "./pool.ts";
import { Processed } from "./processed.ts";
import { checkBody } from "./schema.ts";
import { Threads } from "./threads.ts";

/** Options of {@link Client.connect}. */
export interface ConnectOptions {
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
}

/** Options of {@link Client.send}. */
export interface SendOptions {
  /** Don't wait for the node's answer; a refusal reaches the error handler. Default `false`. */
  readonly fireAndForget?: boolean;
  /** Stops waiting for the node's answer. The message may have left already. */
  readonly signal?: AbortSignal;
}

/** Options of {@link Client.request}. */
export interface RequestOptions {
  /** How long to wait for the response, in milliseconds; `Infinity` for ever. Default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /** The thread that this request came out of (`pthid`). */
  readonly parentThread?: string;
  /** Stops waiting. The request may have left already. */
  readonly signal?: AbortSignal;
}

/** Options of {@link Client.request} that type the response's body. */
export interface SchemaRequestOptions<Schema extends StandardSchemaV1> extends RequestOptions {
  /** Checks and types the response's body. */
  readonly schema: Schema;
}

/**
 * An agent: one DID, the messages it handles and the messages it sends.
 *
 * Register handlers, then `connect`. The client reconnects by itself; while it does so, `send` and `request` fail at once with
 * {@link NotConnectedError}. Errors that have no caller to go to reach the error handler given here.
 *
 * @throws TypeError from the constructor when the config is incomplete or the error handler is missing.
 * @example
 * ```ts
 * import { Client, logErrors } from "@parley/didcomm-agent";
 * import { createMemoryLink } from "@parley/core/memory";
 *
 * const { left } = createMemoryLink();
 * await using client = new Client({ transport: left }, logErrors());
 * client.handle("https://layr8.io/protocols/echo/1.0/request", (message) => ({
 *   type: "https://layr8.io/protocols/echo/1.0/response",
 *   body: message.body,
 * }));
 * await client.connect();
 * ```
 */
export class Client implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #report: ReportError;
  readonly #handlers = new Handlers();
  readonly #threads = new Threads();
  readonly #pool: Pool;
  readonly #dispatcher: Dispatcher;
  readonly #disconnected: Listeners<[ParleyError]>;
  readonly #reconnected: Listeners<[]>;
  #did: string | undefined;
  #connection: Connection | undefined;
  /** From `connect` until its failure or the connection's end. */
  #engaged = false;
  #connecting: { readonly abort: AbortController; readonly done: Promise<unknown> } | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(config: Config, onError: ErrorHandler) {
    if (typeof onError !== "function") {
      throw new TypeError("A client needs an error handler as its second argument, such as logErrors()");
    }
    this.#settings = readConfig(config);
    const { agentDid, maxConcurrentHandlers, maxQueuedMessages, duplicateMemory } = this.#settings;
    this.#did = agentDid;
    const report = errorReporter(onError);
    this.#report = report;
    this.#disconnected = new Listeners((error) => report(ErrorKind.HANDLER_EXCEPTION, error));
    this.#reconnected = new Listeners((error) => report(ErrorKind.HANDLER_EXCEPTION, error));
    this.#pool = new Pool(maxConcurrentHandlers, maxQueuedMessages);
    const processed = new Processed(duplicateMemory);
    const runner = new HandlerRunner(processed, (message) => this.#push(message), report);
    this.#dispatcher = new Dispatcher({
      handlers: this.#handlers,
      threads: this.#threads,
      runner,
      pool: this.#pool,
      processed,
      report,
    });
  }

  /**
   * The DID that this agent is known by.
   *
   * @throws NotConnectedError before the node has assigned one.
   */
  get did(): string {
    if (this.#did === undefined) throw new NotConnectedError("The node assigns the DID when the client connects");
    return this.#did;
  }

  /** Whether the link is up now. */
  get connected(): boolean {
    return !this.#closed && this.#connection?.connected === true;
  }

  /**
   * Registers the handler for a message type; its protocol is announced to the node on connect.
   *
   * What the handler returns is sent to the sender on the same thread; nothing returned, nothing sent. If it throws, the sender gets a
   * problem report.
   *
   * @throws TypeError when `type` is no message-type URI or has a handler already; {@link AlreadyConnectedError} after `connect`.
   */
  handle<Schema extends StandardSchemaV1>(
    type: string,
    handler: Handler<StandardSchemaV1.InferOutput<Schema>>,
    options: SchemaHandlerOptions<Schema>,
  ): void;
  handle(type: string, handler: Handler, options?: HandlerOptions): void;
  handle(type: string, handler: Handler<never>, options: HandlerOptions & { readonly schema?: StandardSchemaV1 } = {}): void {
    this.#requireNotEngaged();
    const { manualAck = false, schema } = options;
    this.#handlers.add(type, { handler: handler as Handler<unknown>, manualAck, schema });
  }

  /**
   * Registers the handler for every message that no other handler takes, of whatever protocol. Problem reports are not among them.
   *
   * @throws TypeError when there is one already; {@link AlreadyConnectedError} after `connect`.
   */
  handleAll(handler: Handler, options: HandlerOptions = {}): void {
    this.#requireNotEngaged();
    this.#handlers.addCatchAll({ handler: handler as Handler<unknown>, manualAck: options.manualAck ?? false, schema: undefined });
  }

  /**
   * Connects to the node. Resolves, with this client, once the node has accepted the DID and its protocols. After a failure it may be
   * called again.
   *
   * @throws ConnectionError with the code of its cause; {@link AlreadyConnectedError}; {@link ClientClosedError}; the signal's reason.
   */
  async connect({ signal }: ConnectOptions = {}): Promise<this> {
    if (this.#closed) throw new ClientClosedError();
    if (this.#engaged) throw new AlreadyConnectedError("The client connects or is connected already");
    signal?.throwIfAborted();
    this.#engaged = true;
    const abort = new AbortController();
    const attempt = this.#open(signal === undefined ? abort.signal : AbortSignal.any([abort.signal, signal]));
    this.#connecting = { abort, done: attempt.catch(() => {}) };
    try {
      await attempt;
    } catch (error) {
      this.#engaged = false;
      if (this.#closed) throw new ClientClosedError();
      signal?.throwIfAborted();
      throw new ConnectionError(error);
    } finally {
      this.#connecting = undefined;
    }
    if (this.#closed) throw new ClientClosedError();
    return this;
  }

  /**
   * Sends a message and resolves, with the message as it was sent, once the node has accepted it. With `fireAndForget` it resolves at
   * once, and a failure reaches the error handler.
   *
   * @throws TypeError when `type` is no message-type URI or nobody is named in `to`; {@link NotConnectedError} at once while there is
   *   no link; {@link DisconnectedError} when the link breaks before the node has answered; {@link ServerRejectError} when the node
   *   refuses; core's `TransportError` `push_timeout`, `message_too_large` or `write_failed`; {@link ClientClosedError}; the signal's
   *   reason.
   */
  async send(message: MessageInit, { fireAndForget = false, signal }: SendOptions = {}): Promise<Message> {
    const outbound = this.#compose(message);
    signal?.throwIfAborted();
    const sent = this.#push(outbound, signal);
    if (fireAndForget) sent.catch((error: unknown) => this.#report(kindOfSendError(error), error, outbound));
    else await sent;
    return outbound;
  }

  /**
   * Sends a message and resolves with the response: the first message on its thread from a DID that it was sent to. The thread is
   * `message.threadId`, or else the message's id.
   *
   * @throws ProblemReportError when a problem report comes instead; {@link RequestTimeoutError}; {@link BodyError} when the response's
   *   body does not fit the schema; TypeError when another request waits on the thread; whatever {@link Client.send} throws.
   */
  request<Schema extends StandardSchemaV1>(
    message: MessageInit,
    options: SchemaRequestOptions<Schema>,
  ): Promise<ReceivedMessage<StandardSchemaV1.InferOutput<Schema>>>;
  request(message: MessageInit, options?: RequestOptions): Promise<ReceivedMessage>;
  async request(
    message: MessageInit,
    options: RequestOptions & { readonly schema?: StandardSchemaV1 } = {},
  ): Promise<ReceivedMessage<unknown>> {
    const { parentThread, signal, schema } = options;
    const timeoutMs = readTimeout("timeoutMs", options.timeoutMs ?? this.#settings.requestTimeoutMs);
    const outbound = this.#compose(message);
    const threadId = (outbound.threadId ??= outbound.id);
    if (parentThread !== undefined) outbound.parentThreadId = parentThread;
    signal?.throwIfAborted();
    const response = this.#threads.wait(threadId, outbound, { timeoutMs, signal });
    this.#push(outbound).catch((error: unknown) => this.#threads.fail(threadId, error));
    const received = await response;
    if (schema === undefined) return received;
    return { ...received, body: await checkBody(schema, received.body, received.id) };
  }

  /**
   * Calls a listener when the link to the node is lost, with the reason. The client comes back by itself, unless the connection ended
   * for good (the node refused it, or another took its place): then the reason is the transport's error, which also reaches the error
   * handler, and `connect` may be called again.
   *
   * @returns a function that takes the listener off again.
   */
  onDisconnect(listener: (reason: ParleyError) => unknown): () => void {
    return this.#disconnected.add(listener);
  }

  /**
   * Calls a listener when the link is up again, with the same DID.
   *
   * @returns a function that takes the listener off again.
   */
  onReconnect(listener: () => unknown): () => void {
    return this.#reconnected.add(listener);
  }

  /**
   * Leaves the node, for good. Takes no more messages, ends every waiting request with {@link ClientClosedError}, lets running handlers
   * finish and reply for `closeGraceMs`, then ends the connection and every `send` that still waits. Idempotent.
   * A handler that awaits it waits for itself, until the grace is over.
   */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { transport, agentDid } = this.#settings;
    const connection = await transport.connect({
      ...(agentDid !== undefined && { did: agentDid }),
      protocols: this.#handlers.protocols,
      signal,
      events: {
        onDisconnect: (reason) => this.#lose(reason),
        onReconnect: () => {
          if (!this.#closed) this.#reconnected.emit();
        },
        onFault: (error, raw) => this.#report(ErrorKind.PARSE_FAILURE, error, {}, raw),
      },
    });
    this.#connection = connection;
    this.#did = connection.did;
    void this.#receive(connection);
  }

  async #receive(connection: Connection): Promise<void> {
    let reason: unknown = new TransportError("closed", "The transport ended the connection");
    try {
      for await (const delivery of connection.deliveries) {
        if (!this.#closed) this.#dispatcher.dispatch(delivery, connection.did);
      }
    } catch (error) {
      reason = error;
    }
    if (!this.#closed) await this.#end(connection, ParleyError.from(reason));
  }

  /** The link is down for now. */
  #lose(reason: ParleyError): void {
    if (this.#closed) return;
    this.#threads.failAll(new DisconnectedError(reason));
    this.#disconnected.emit(reason);
  }

  /** The connection has ended by itself. */
  async #end(connection: Connection, reason: ParleyError): Promise<void> {
    this.#connection = undefined;
    this.#dispatcher.dropQueued();
    this.#threads.failAll(new DisconnectedError(reason));
    await connection.close().catch(() => {});
    this.#engaged = false;
    if (this.#closed) return;
    this.#report(ErrorKind.SERVER_REJECT, reason);
    this.#disconnected.emit(reason);
  }

  async #shutDown(): Promise<void> {
    this.#closed = true;
    this.#threads.failAll(new ClientClosedError());
    this.#connecting?.abort.abort();
    await this.#connecting?.done;
    this.#dispatcher.dropQueued();
    await within(this.#settings.closeGraceMs, this.#pool.idle());
    await this.#connection?.close();
  }

  /** Makes the message to send, which is the client's to complete. */
  #compose(init: MessageInit): Mutable<Message> {
    if (this.#closed) throw new ClientClosedError();
    const connection = this.#connection;
    requireMessageType(init.type);
    const message: Mutable<Message> = createMessage(init);
    if (this.#did !== undefined) message.from ??= this.#did;
    if (message.to.length === 0) throw new TypeError("A message needs a recipient: to is empty");
    if (connection?.connected !== true) throw new NotConnectedError();
    return message;
  }

  async #push(message: Message, signal?: AbortSignal): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) throw new NotConnectedError();
    try {
      await connection.send(encodePlaintext(message), signal === undefined ? undefined : { signal });
    } catch (error) {
      throw sendErrorFrom(error, message.id, this.#closed);
    }
  }

  #requireNotEngaged(): void {
    if (this.#closed) throw new ClientClosedError();
    if (this.#engaged) throw new AlreadyConnectedError("Handlers must be registered before connect");
  }
}

/** Waits for a promise, but no longer than the given time. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  if (ms === Number.POSITIVE_INFINITY) {
    await promise;
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}
