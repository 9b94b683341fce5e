import type { Message, MessageInit, ParleyError } from "@parley/core";
import { closeAll, rejectUnknownOptions } from "@parley/core/eager";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { ConnectOptions, ReceiptOptions, RequestOptions, SchemaRequestOptions, SendOptions } from "./call-options.ts";
import { readConfig, type Config, type Settings } from "./config.ts";
import { DidSession, type ClientEvents } from "./did-session.ts";
import { ErrorKind, errorReporter, type ErrorHandler, type ReportError } from "./error-handler.ts";
import { AlreadyConnectedError, ClientClosedError } from "./errors.ts";
import { Handlers, type Handler, type HandlerOptions, type ProtocolHandlerOptions, type SchemaHandlerOptions } from "./handlers.ts";
import type { ReceivedMessage } from "./inbound-message.ts";
import { HostedDid, type JoinDidOptions, type JoinedDid } from "./joined-did.ts";
import { MCP_BASE, McpBinding, RESULT_SUFFIX } from "./mcp/mcp-binding.ts";
import type { McpAgent } from "./mcp/mcp-peer.ts";
import { Listeners } from "./listeners.ts";
import { requireErrorHandler } from "./log-errors.ts";
import { outboundMessage } from "./outbound-message.ts";
import type { Mutable } from "./mutable.ts";
import type { ProblemReportError } from "./problem-report.ts";
import type { ReceiptRejectionCode } from "./receipts/receipt-error.ts";
import type { Receipt, ReceiptVerifier } from "./receipts/receipt.ts";
import { isUntil, requestResponse, sendMessage, sendUntil } from "./requests.ts";

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
  readonly #session: DidSession;
  /** Further DIDs, by DID. */
  readonly #joined = new Map<string, HostedDid>();
  readonly #disconnected: Listeners<[ParleyError]>;
  readonly #reconnected: Listeners<[]>;
  /** By the base of their message types. */
  readonly #mcp = new Map<string, McpBinding>();
  readonly #rejectedReceipts = new Map<ReceiptRejectionCode, number>();
  #closing: Promise<void> | undefined;

  constructor(config: Config, onError: ErrorHandler) {
    requireErrorHandler(onError);
    this.#settings = readConfig(config);
    const report = errorReporter(onError);
    this.#report = report;
    this.#disconnected = new Listeners((error) => report(ErrorKind.HANDLER_EXCEPTION, error));
    this.#reconnected = new Listeners((error) => report(ErrorKind.HANDLER_EXCEPTION, error));
    this.#session = new DidSession({
      settings: this.#settings,
      did: this.#settings.agentDid,
      ...(this.#settings.parent && { parent: this.#settings.parent }),
      handlers: this.#handlers,
      report,
      events: {
        ...this.#messageEvents(),
        onDelegated: (raw) => this.delegated(raw),
        onDisconnect: (reason) => this.#disconnected.emit(reason),
        onReconnect: () => this.#reconnected.emit(),
        onEnd: () => undefined,
      },
    });
  }

  /**
   * The DID that this agent is known by.
   *
   * @throws NotConnectedError without `agentDid`, until the node has assigned one on connect.
   */
  get did(): string {
    const { did } = this.#session;
    if (did === undefined) throw this.#session.linkError();
    return did;
  }

  /** Whether the link is up now. */
  get connected(): boolean {
    return this.#session.connected;
  }

  /** Whether `connect` took the DID's protocols over from another connection, which has ended. */
  get tookOver(): boolean {
    return this.#session.tookOver;
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
   * Registers the handler for every message type of a protocol that has no handler of its own; the protocol is announced to the node on connect.
   * With `reports` it also receives problem reports, such as those about messages that it has sent.
   *
   * @param protocol URI of the protocol, such as `https://layr8.io/protocols/echo/1.0`.
   * @throws TypeError when `protocol` is not a protocol's URI or already has a handler; {@link AlreadyConnectedError} after `connect`.
   */
  handleProtocol(protocol: string, handler: Handler, options: ProtocolHandlerOptions = {}): void {
    this.#requireNotEngaged();
    rejectUnknownOptions(options, ["manualAck", "reports"]);
    const { manualAck = false, reports } = options;
    const entry = { handler: handler as Handler<unknown>, manualAck, schema: undefined, takes: () => true };
    this.#handlers.addProtocol(protocol, reports === undefined ? entry : { ...entry, reports });
  }

  /**
   * MCP over DIDComm: calls of other agents' MCP servers, and a server of its own. Its protocol is announced to the node on connect. Called
   * again with the same base, it returns the same object.
   *
   * @param base of the message types. Default `https://layr8.io/protocols/mcp/1.0`.
   * @throws TypeError for a base that is not a protocol's URI, or that has a handler (`handleProtocol`); {@link AlreadyConnectedError} after `connect`.
   */
  mcp(base: string = MCP_BASE): McpBinding {
    const made = this.#mcp.get(base);
    if (made !== undefined) return made;
    this.#requireNotEngaged();
    const agent: McpAgent = {
      request: (message, options) => this.request(message, options),
      send: (message) => this.send(message),
      report: (error) => this.reportFailure(error),
    };
    const binding = new McpBinding(agent, base);
    const handler: Handler = (message) => binding.receive(message);
    const takes = (type: string): boolean => !type.endsWith(RESULT_SUFFIX);
    this.#handlers.addProtocol(base, { handler: handler as Handler<unknown>, manualAck: false, schema: undefined, takes });
    this.#mcp.set(base, binding);
    return binding;
  }

  /**
   * Connects to the node. Resolves, with this client, once the node has accepted the DID and its protocols. After a failure it may be
   * called again.
   *
   * @throws ConnectionError with the code of its cause; {@link AlreadyConnectedError}; {@link ClientClosedError}; the signal's reason.
   */
  async connect(options: ConnectOptions = {}): Promise<this> {
    rejectUnknownOptions(options, ["signal"]);
    await this.#session.connect(options.signal);
    return this;
  }

  /** Receipts that were not accepted, by the code of the reason. The error handler gets each of them. */
  get rejectedReceipts(): ReadonlyMap<ReceiptRejectionCode, number> {
    return new Map(this.#rejectedReceipts);
  }

  /**
   * Sends a message. Resolves with the message as it was sent, once the node has accepted it. With `fireAndForget` it resolves at
   * once, and the error handler receives failures.
   *
   * With `until` it asks the recipients and their nodes for signed receipts, and resolves with all of them, in the order of their arrival, once every
   * recipient's says `until`, or more. The wait outlasts losses of the link.
   *
   * @throws TypeError when `type` is not a message-type URI or `to` is empty; {@link NotConnectedError} at once while the link
   *   is down; {@link DisconnectedError} when the link breaks before the node has answered; {@link ServerRejectError} when the node
   *   refuses; core's `NodeTransportError` `push_timeout`, `message_too_large` or `write_failed`; {@link ClientClosedError}; the signal's
   *   reason; with `until` also {@link ReceiptError}.
   */
  send(message: MessageInit, options: ReceiptOptions): Promise<readonly Receipt[]>;
  send(message: MessageInit, options?: SendOptions): Promise<Message>;
  async send(message: MessageInit, options: SendOptions | ReceiptOptions = {}): Promise<Message | readonly Receipt[]> {
    if (isUntil(options)) return sendUntil(this.#session, this.#settings.requestTimeoutMs, message, options);
    return sendMessage(this.#session, this.#report, message, options);
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
    return requestResponse(this.#session, this.#settings.requestTimeoutMs, message, options);
  }

  /**
   * Joins a further DID on the same socket. Its messages go to `handlers`, then to the handlers of this client. It is joined again after a loss of the link;
   * if the node refuses that, only this DID is affected: its sends fail with {@link NotConnectedError} until the node accepts it again, which is tried with growing
   * delays. Listeners of `onDisconnect` and `onReconnect` hear of the client's own DID only.
   *
   * Each DID has limits of its own, such as `maxConcurrentHandlers`.
   *
   * @throws NotConnectedError before `connect`; {@link AlreadyConnectedError} for the client's own DID, and for one that is joined already; TypeError naming the
   *   option that is wrong; ConnectionError when the node refuses it; {@link ClientClosedError}; the signal's reason.
   * @example
   * ```ts
   * import type { Client } from "layr8";
   *
   * async function host(client: Client, did: string): Promise<void> {
   *   const echo = await client.joinDid(did, {
   *     handlers: { "https://layr8.io/protocols/echo/1.0/request": ({ body }) => ({ type: "https://layr8.io/protocols/echo/1.0/response", body }) },
   *   });
   *   console.log(`${echo.did} answers, on the socket of ${client.did}`);
   * }
   * ```
   */
  async joinDid(did: string, options: JoinDidOptions = {}): Promise<JoinedDid> {
    if (this.#session.closed) throw new ClientClosedError();
    if (!this.#session.engaged) throw this.#session.linkError();
    if (did === this.#session.did) throw new AlreadyConnectedError(`${did} is already hosted by connect()`);
    if (this.#joined.has(did)) throw new AlreadyConnectedError(`${did} is already joined: leave it first with leaveDid()`);
    const hosted = new HostedDid({
      settings: this.#settings,
      did,
      join: options,
      shared: this.#handlers,
      report: this.#report,
      events: this.#messageEvents(),
    });
    this.#joined.set(did, hosted);
    try {
      await hosted.connect(options.signal);
    } catch (error) {
      if (this.#joined.get(did) === hosted) this.#joined.delete(did);
      throw error;
    }
    return hosted;
  }

  /** A DID that was joined with `joinDid`. */
  joined(did: string): JoinedDid | undefined {
    return this.#joined.get(did);
  }

  /** Leaves a DID that was joined with `joinDid`: its waiting requests end with {@link ClientClosedError}. Does nothing for any other DID. */
  async leaveDid(did: string): Promise<void> {
    const hosted = this.#joined.get(did);
    this.#joined.delete(did);
    await hosted?.leave();
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
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
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

  /**
   * Verifies receipts for `send` with `until`. Without one, which is the default, `until` is a TypeError.
   *
   * @param _did the DID of this client that has sent the message.
   */
  protected receiptVerifier(_did: string): ReceiptVerifier | undefined {
    return undefined;
  }

  /** Called when the credentials that the node stores for a DID of this client have changed, if the node announces that. */
  protected walletChanged(_did: string): void {}

  /** Called with the grants that the node has derived for this client's DID from its parent's. Not checked. */
  protected delegated(_raw: unknown): void {}

  /** Whether the node announces changes of the credentials that it stores for this client's own DID. */
  protected get announcesWalletChanges(): boolean {
    return this.#session.announcesWalletChanges;
  }

  /** Reports an error to the error handler: by default one of the application's code. */
  protected reportFailure(error: unknown, kind: ErrorKind = ErrorKind.HANDLER_EXCEPTION): void {
    this.#report(kind, error);
  }

  /** Announces a protocol to the node whose messages are responses only. Called before `connect`. */
  protected announce(protocol: string): void {
    this.#handlers.announce(protocol);
  }

  /** Makes a message of this agent without sending it. @throws TypeError naming the member that is wrong; NotConnectedError without a DID. */
  protected compose(init: MessageInit): Message {
    const message: Mutable<Message> = outboundMessage(init);
    message.from ??= this.did;
    return message;
  }

  async #close(): Promise<void> {
    const joined = [...this.#joined.values()];
    this.#joined.clear();
    await closeAll(
      ...[...this.#mcp.values()].map((binding) => () => binding.close()),
      ...joined.map((hosted) => () => hosted.leave()),
      () => this.#session.close(),
    );
  }

  /** For all DIDs of this client. A subclass can replace the methods. */
  #messageEvents(): ClientEvents {
    return {
      prepare: (message) => this.prepare(message),
      onProblemReport: (problem, message) => this.problemReported(problem, message),
      onWalletChange: (did) => this.walletChanged(did),
      receiptVerifier: (did) => this.receiptVerifier(did),
      onReceiptRejected: (error, message) => {
        this.#rejectedReceipts.set(error.code, (this.#rejectedReceipts.get(error.code) ?? 0) + 1);
        this.#report(ErrorKind.RECEIPT, error, message);
      },
    };
  }

  #requireNotEngaged(): void {
    if (this.#session.closed) throw new ClientClosedError();
    if (this.#session.engaged) throw new AlreadyConnectedError("Handlers must be registered before connect()");
  }
}
