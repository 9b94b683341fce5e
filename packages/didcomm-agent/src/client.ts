import {
  encodePlaintext,
  ParleyError,
  NodeTransportError,
  type Connection,
  type Delivery,
  type Message,
  type MessageInit,
  type SendReceipt,
} from "@parley/core";
import { IS_BOOLEAN, MAX_TIMER_MS, checkValues, closeAll, readDurationMs, rejectUnknownOptions, warnOnce } from "@parley/core/eager";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { ConnectOptions, RequestOptions, SchemaRequestOptions, SendOptions } from "./call-options.ts";
import { readConfig, type Config, type Settings } from "./config.ts";
import { Dispatcher } from "./dispatcher.ts";
import { ErrorKind, errorReporter, kindOfSendError, type ErrorHandler, type ReportError } from "./error-handler.ts";
import { AlreadyConnectedError, ClientClosedError, ConnectionError, DisconnectedError, sendErrorFrom } from "./errors.ts";
import { expiryAfter } from "./expiry.ts";
import { HandlerRunner } from "./handler-runner.ts";
import { Handlers, type Handler, type HandlerOptions, type SchemaHandlerOptions } from "./handlers.ts";
import type { ReceivedMessage } from "./inbound-message.ts";
import { LinkState } from "./link-state.ts";
import { Listeners } from "./listeners.ts";
import { requireErrorHandler } from "./log-errors.ts";
import { EXPECTS_REPLY } from "./message-context.ts";
import type { Mutable } from "./mutable.ts";
import { outboundMessage } from "./outbound-message.ts";
import { Pool } from "./pool.ts";
import { MALFORMED, type ProblemReportError } from "./problem-report.ts";
import { Processed } from "./processed.ts";
import { SendOrder } from "./send-order.ts";
import { checkBody, requireSchema } from "./schema.ts";
import { Threads } from "./threads.ts";
import { traceRequest, traceSend } from "./traced.ts";
import { waitAtMost } from "./wait-at-most.ts";

/**
 * An agent: one DID, the messages it handles and the messages it sends.
 *
 * Register handlers, then `connect`. The client reconnects after a loss of the link; until then `send` and `request` fail at once with
 * {@link NotConnectedError}. Errors without a caller to receive them go to the error handler, which is required.
 *
 * @throws TypeError from the constructor for an incomplete config, an unknown option, or a missing error handler.
 * @example
 * ```ts
 * import { Client, logErrors } from "layr8";
 *
 * const client = new Client({ agentDid: "did:web:localhost:echo" }, logErrors());
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
  readonly #threads = new Threads(() => this.#now());
  readonly #pool: Pool;
  readonly #dispatcher: Dispatcher;
  readonly #disconnected: Listeners<[ParleyError]>;
  readonly #reconnected: Listeners<[]>;
  #did: string | undefined;
  #connection: Connection | undefined;
  readonly #link = new LinkState();
  readonly #order = new SendOrder();
  #connecting: { readonly abort: AbortController; readonly done: Promise<unknown> } | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(config: Config, onError: ErrorHandler) {
    requireErrorHandler(onError);
    this.#settings = readConfig(config);
    const { agentDid, maxConcurrentHandlers, maxQueuedMessages, duplicateMemory, exposeErrors, telemetry } = this.#settings;
    this.#did = agentDid;
    const report = errorReporter(onError);
    this.#report = report;
    this.#disconnected = new Listeners((error) => report(ErrorKind.HANDLER_EXCEPTION, error));
    this.#reconnected = new Listeners((error) => report(ErrorKind.HANDLER_EXCEPTION, error));
    this.#pool = new Pool(maxConcurrentHandlers, maxQueuedMessages);
    const processed = new Processed(duplicateMemory);
    const push = async (message: Message): Promise<void> => void (await this.#push(message));
    const runner = new HandlerRunner({ processed, push, report, exposeErrors, telemetry });
    this.#dispatcher = new Dispatcher({
      handlers: this.#handlers,
      threads: this.#threads,
      runner,
      pool: this.#pool,
      processed,
      report,
      onProblemReport: (problem, message) => this.problemReported(problem, message),
      now: () => this.#now(),
    });
  }

  /**
   * The DID that this agent is known by.
   *
   * @throws NotConnectedError without `agentDid`, until the node has assigned one on connect.
   */
  get did(): string {
    if (this.#did === undefined) throw this.#link.error();
    return this.#did;
  }

  /** Whether the link is up now. */
  get connected(): boolean {
    return !this.#closed && this.#connection?.connected === true;
  }

  /** Whether `connect` took the DID's protocols over from another connection, which has ended. */
  get tookOver(): boolean {
    return this.#connection?.tookOver === true;
  }

  /**
   * Registers the handler for a message type; its protocol is announced to the node on connect.
   *
   * The client sends the returned message to the sender, on the same thread; `undefined` and `null` send nothing. If the handler throws,
   * the sender gets a problem report; under `manualAck`, the node delivers the message again instead, until `ack()`.
   *
   * @throws TypeError when `type` is not a message-type URI or already has a handler; {@link AlreadyConnectedError} after `connect`.
   */
  handle<Schema extends StandardSchemaV1>(
    type: string,
    handler: Handler<StandardSchemaV1.InferOutput<Schema>>,
    options: SchemaHandlerOptions<Schema>,
  ): void;
  handle(type: string, handler: Handler, options?: HandlerOptions): void;
  handle(type: string, handler: Handler<never>, options: HandlerOptions & { readonly schema?: StandardSchemaV1 } = {}): void {
    this.#requireNotEngaged();
    rejectUnknownOptions(options, ["manualAck", "schema"]);
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
    rejectUnknownOptions(options, ["manualAck"]);
    this.#handlers.addCatchAll({ handler: handler as Handler<unknown>, manualAck: options.manualAck ?? false, schema: undefined });
  }

  /**
   * Connects to the node. Resolves, with this client, once the node has accepted the DID and its protocols. After a failure it may be
   * called again.
   *
   * @throws ConnectionError with the code of its cause; {@link AlreadyConnectedError}; {@link ClientClosedError}; the signal's reason.
   */
  async connect(options: ConnectOptions = {}): Promise<this> {
    rejectUnknownOptions(options, ["signal"]);
    const { signal } = options;
    if (this.#closed) throw new ClientClosedError();
    if (this.#link.engaged) throw new AlreadyConnectedError("connect() was called before: the client connects or is connected");
    signal?.throwIfAborted();
    this.#link.connecting();
    const abort = new AbortController();
    const attempt = this.#open(signal === undefined ? abort.signal : AbortSignal.any([abort.signal, signal]));
    this.#connecting = { abort, done: attempt.catch(() => {}) };
    try {
      await attempt;
    } catch (error) {
      this.#link.failed(error);
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
   * Sends a message. Resolves with the message as it was sent, once the node has accepted it. With `fireAndForget` it resolves at
   * once, and the error handler receives failures.
   *
   * @throws TypeError when `type` is not a message-type URI or `to` is empty; {@link NotConnectedError} at once while the link
   *   is down; {@link DisconnectedError} when the link breaks before the node has answered; {@link ServerRejectError} when the node
   *   refuses; core's `NodeTransportError` `push_timeout`, `message_too_large` or `write_failed`; {@link ClientClosedError}; the signal's
   *   reason.
   */
  async send(message: MessageInit, options: SendOptions = {}): Promise<Message> {
    rejectUnknownOptions(options, ["fireAndForget", "signal"]);
    checkValues(options, IS_BOOLEAN, ["fireAndForget"]);
    const { fireAndForget = false, signal } = options;
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
   * The request expires with its timeout, unless `expires` or `message.expiresTime` says otherwise. To retry, send it again with the same
   * `id`: the other side handles it once, and a response that came between the tries is returned at once.
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
    rejectUnknownOptions(options, ["timeoutMs", "timeout", "expires", "parentThread", "signal", "schema"]);
    checkValues(options, IS_BOOLEAN, ["expires"]);
    const { parentThread, signal, schema, expires = true } = options;
    if (schema !== undefined) requireSchema(schema);
    const timeoutMs = readDurationMs(options, { ms: "timeoutMs", seconds: "timeout" }, this.#settings.requestTimeoutMs);
    const outbound = this.#compose(message);
    const threadId = (outbound.threadId ??= outbound.id);
    if (parentThread !== undefined) outbound.parentThreadId = parentThread;
    if (expires && timeoutMs < MAX_TIMER_MS) outbound.expiresTime ??= expiryAfter(timeoutMs, this.#now());
    outbound.headers = outbound.headers === undefined ? EXPECTS_REPLY : { ...outbound.headers, ...EXPECTS_REPLY };
    signal?.throwIfAborted();
    const received = this.#threads.takeLate(outbound) ?? (await this.#ask(threadId, outbound, timeoutMs, signal));
    if (schema === undefined) return received;
    return { ...received, body: await checkBody(schema, received.body, received.id) };
  }

  /**
   * Calls a listener with the reason when the link to the node is lost: once for each loss. The client reconnects, unless the connection
   * ended (the node refused it, or another connection took the DID over): then the error handler gets that reason, whether the
   * link was lost before or by it, and `connect` may be called again.
   *
   * @returns a function that removes the listener.
   */
  onDisconnect(listener: (reason: ParleyError) => unknown): () => void {
    return this.#disconnected.add(listener);
  }

  /**
   * Calls a listener when the link is up again, with the same DID.
   *
   * @returns a function that removes the listener.
   */
  onReconnect(listener: () => unknown): () => void {
    return this.#reconnected.add(listener);
  }

  /**
   * Leaves the node. Stops accepting messages, ends every waiting request with {@link ClientClosedError}, lets running handlers
   * finish and reply for `closeGraceMs`, then ends the connection and every `send` that still waits. Idempotent.
   * A handler that awaits it waits for itself, until `closeGraceMs` has passed.
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
        onReconnect: () => this.#restore(),
        onFault: (error, raw) => this.#report(ErrorKind.PARSE_FAILURE, error, {}, raw),
      },
    });
    this.#connection = connection;
    this.#did = connection.did;
    this.#link.connected();
    if (connection.tookOver === true) {
      const text = `${connection.did} was connected elsewhere: this connection has taken it over, and the other one has ended`;
      warnOnce("PARLEY_TOOK_OVER", text);
    }
    void this.#receive(connection);
  }

  async #receive(connection: Connection): Promise<void> {
    let reason: unknown = new NodeTransportError("closed", "The transport ended the connection");
    try {
      for await (const delivery of connection.deliveries) {
        if (!this.#closed) this.#dispatch(delivery, connection.did);
      }
    } catch (error) {
      reason = error;
    }
    if (!this.#closed) await this.#end(connection, ParleyError.from(reason));
  }

  /** No message can end the connection: its redelivery would end the next one too. */
  #dispatch(delivery: Delivery, did: string): void {
    try {
      this.#dispatcher.dispatch(delivery, did);
    } catch (error) {
      delivery.settle({ status: "error", code: MALFORMED, message: "The message could not be read" });
      this.#report(ErrorKind.PARSE_FAILURE, error, {}, delivery.plaintext);
    }
  }

  /** The link is down for now. */
  #lose(reason: ParleyError): void {
    if (this.#closed) return;
    const wasUp = this.#link.lost(reason);
    this.#threads.failAll(new DisconnectedError(reason));
    if (wasUp) this.#disconnected.emit(reason);
  }

  #restore(): void {
    if (this.#closed) return;
    this.#link.restored();
    this.#reconnected.emit();
  }

  /** The connection ended without a call of `close`. */
  async #end(connection: Connection, reason: ParleyError): Promise<void> {
    this.#connection = undefined;
    this.#dispatcher.dropQueued();
    this.#threads.failAll(new DisconnectedError(reason, "ended"));
    const wasUp = this.#link.ended(reason);
    await connection.close().catch(() => {});
    if (this.#closed) return;
    this.#report(ErrorKind.SERVER_REJECT, reason);
    if (wasUp) this.#disconnected.emit(reason);
  }

  async #shutDown(): Promise<void> {
    this.#closed = true;
    this.#threads.failAll(new ClientClosedError());
    this.#connecting?.abort.abort();
    await closeAll(
      () => this.#connecting?.done,
      () => this.#dispatcher.dropQueued(),
      () => waitAtMost(this.#settings.closeGraceMs, this.#pool.idle()),
      () => this.#connection?.close(),
    );
  }

  /**
   * Completes a message before it is sent, also a reply of a handler. While it waits, later messages wait, so that the order of the calls is kept. A
   * rejection fails the send.
   */
  protected prepare(message: Message): Message | Promise<Message> {
    return message;
  }

  /** Called with each problem report that this agent receives, before the request or the error handler that it goes to. */
  protected problemReported(_problem: ProblemReportError, _message: Message): void {}

  /** Reports an error of the application's code to the error handler. */
  protected reportFailure(error: unknown): void {
    this.#report(ErrorKind.HANDLER_EXCEPTION, error);
  }

  /** Makes a message of this agent without sending it. @throws TypeError naming the member that is wrong; NotConnectedError without a DID. */
  protected compose(init: MessageInit): Message {
    const message = outboundMessage(init);
    message.from ??= this.did;
    return message;
  }

  /** Makes the message to send, which is the client's to complete. */
  #compose(init: MessageInit): Mutable<Message> {
    if (this.#closed) throw new ClientClosedError();
    const message = outboundMessage(init);
    if (this.#did !== undefined) message.from ??= this.#did;
    if (message.to.length === 0) throw new TypeError("A message needs a recipient: to is empty");
    if (this.#connection?.connected !== true) throw this.#link.error();
    return message;
  }

  /** Sends a request and waits for its response. */
  #ask(threadId: string, outbound: Message, timeoutMs: number, signal: AbortSignal | undefined): Promise<ReceivedMessage> {
    const { telemetry } = this.#settings;
    if (telemetry === undefined) return this.#exchange(threadId, outbound, timeoutMs, signal);
    return traceRequest(telemetry, outbound, () => this.#exchange(threadId, outbound, timeoutMs, signal));
  }

  #exchange(threadId: string, outbound: Message, timeoutMs: number, signal: AbortSignal | undefined): Promise<ReceivedMessage> {
    const response = this.#threads.wait(threadId, outbound, { timeoutMs, signal });
    this.#push(outbound).then(
      (receipt) => this.#threads.accepted(outbound, receipt),
      (error: unknown) => this.#threads.fail(threadId, error),
    );
    return response;
  }

  #push(message: Message, signal?: AbortSignal): Promise<SendReceipt> {
    const { telemetry } = this.#settings;
    return telemetry === undefined ? this.#transmit(message, signal) : traceSend(telemetry, message, () => this.#transmit(message, signal));
  }

  async #transmit(message: Message, signal: AbortSignal | undefined): Promise<SendReceipt> {
    const connection = this.#connection;
    if (connection === undefined) throw this.#link.error();
    try {
      return await this.#order.pass(this.prepare(message), (ready) =>
        connection.send(encodePlaintext(ready), signal === undefined ? undefined : { signal }),
      );
    } catch (error) {
      throw sendErrorFrom(error, message.id, this.#closed, (cause) => this.#link.error(cause));
    }
  }

  /** The node's time, in milliseconds since 1970. */
  #now(): number {
    return Date.now() + (this.#connection?.clockOffsetMs ?? 0);
  }

  #requireNotEngaged(): void {
    if (this.#closed) throw new ClientClosedError();
    if (this.#link.engaged) throw new AlreadyConnectedError("Handlers must be registered before connect()");
  }
}
