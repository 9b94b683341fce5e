import {
  encodePlaintext,
  NodeTransportError,
  ParleyError,
  type Connection,
  type ConnectOptions,
  type Delivery,
  type JsonObject,
  type Message,
  type MessageInit,
  type SendReceipt,
} from "@parley/core";
import { closeAll, warnOnce } from "@parley/core/eager";

import type { Settings } from "./config.ts";
import { Dispatcher } from "./dispatcher.ts";
import { ErrorKind, type ReportError } from "./error-handler.ts";
import {
  AlreadyConnectedError,
  ClientClosedError,
  ConnectionError,
  DisconnectedError,
  sendErrorFrom,
  type NotConnectedError,
} from "./errors.ts";
import { HandlerRunner } from "./handler-runner.ts";
import type { HandlerLookup } from "./handlers.ts";
import type { ReceivedMessage } from "./inbound-message.ts";
import { LinkState } from "./link-state.ts";
import type { Mutable } from "./mutable.ts";
import { outboundMessage } from "./outbound-message.ts";
import { Pool } from "./pool.ts";
import { MALFORMED, type ProblemReportError } from "./problem-report.ts";
import { Processed } from "./processed.ts";
import { Confirmations, type ConfirmationWait } from "./receipts/confirmations.ts";
import type { ReceiptRejectedError } from "./receipts/receipt-error.ts";
import type { Receipt, ReceiptVerifier } from "./receipts/receipt.ts";
import { SendOrder } from "./send-order.ts";
import { Threads } from "./threads.ts";
import { traceRequest, traceSend } from "./traced.ts";
import { waitAtMost } from "./wait-at-most.ts";

/** What a {@link DidSession} tells its owner. */
export interface SessionEvents {
  /** Completes a message before it is sent. */
  readonly prepare: (message: Message) => Message | Promise<Message>;
  readonly onProblemReport: (problem: ProblemReportError, message: Message) => void;
  /** Verifies receipts of messages that a DID has sent. `undefined` if this client can't. */
  readonly receiptVerifier: (did: string) => ReceiptVerifier | undefined;
  readonly onReceiptRejected: (error: ReceiptRejectedError, message: Message) => void;
  /** The link was lost, once for each loss. */
  readonly onDisconnect: (reason: ParleyError) => void;
  readonly onReconnect: () => void;
  /** The credentials that the node stores for the DID have changed. */
  readonly onWalletChange: (did: string) => void;
  /** The node has derived grants for the DID. Not checked. */
  readonly onDelegated: (raw: unknown) => void;
  /** The connection ended without a call of `close`. */
  readonly onEnd: (reason: ParleyError) => void;
}

/** The events that are the same for all DIDs of a client. */
export type ClientEvents = Pick<SessionEvents, "prepare" | "onProblemReport" | "onWalletChange" | "receiptVerifier" | "onReceiptRejected">;

/** Options of {@link DidSession}. */
export interface DidSessionOptions {
  readonly settings: Settings;
  /** The DID to be; `undefined` to have one assigned. */
  readonly did: string | undefined;
  readonly parent?: ConnectOptions["parent"];
  readonly handlers: HandlerLookup;
  readonly report: ReportError;
  readonly events: SessionEvents;
}

/** One DID of a client at its node: its connection, the messages that it handles and the requests that wait. */
export class DidSession {
  readonly #options: DidSessionOptions;
  readonly #report: ReportError;
  readonly #threads = new Threads(() => this.now());
  readonly #confirmations: Confirmations;
  readonly #pool: Pool;
  readonly #dispatcher: Dispatcher;
  readonly #link = new LinkState();
  readonly #order = new SendOrder();
  #did: string | undefined;
  #connection: Connection | undefined;
  #connecting: { readonly abort: AbortController; readonly done: Promise<unknown> } | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(options: DidSessionOptions) {
    const { settings, did, handlers, report, events } = options;
    const { maxConcurrentHandlers, maxQueuedMessages, duplicateMemory, exposeErrors, telemetry } = settings;
    this.#options = options;
    this.#report = report;
    this.#did = did;
    this.#pool = new Pool(maxConcurrentHandlers, maxQueuedMessages);
    const processed = new Processed(duplicateMemory);
    this.#confirmations = new Confirmations({
      verifier: events.receiptVerifier,
      onRejected: events.onReceiptRejected,
      onListenerFailure: (error) => report(ErrorKind.HANDLER_EXCEPTION, error),
    });
    const push = async (message: Message): Promise<void> => void (await this.push(message));
    this.#dispatcher = new Dispatcher({
      handlers,
      threads: this.#threads,
      confirmations: this.#confirmations,
      runner: new HandlerRunner({ processed, push, report, exposeErrors, telemetry }),
      pool: this.#pool,
      processed,
      report,
      onProblemReport: events.onProblemReport,
      now: () => this.now(),
    });
  }

  /** The DID, once the node has assigned one. */
  get did(): string | undefined {
    return this.#did;
  }

  get connected(): boolean {
    return !this.#closed && this.#connection?.connected === true;
  }

  get tookOver(): boolean {
    return this.#connection?.tookOver === true;
  }

  /** Whether the node announces changes of the credentials that it stores for the DID. */
  get announcesWalletChanges(): boolean {
    return this.#connection?.announcesWalletChanges === true;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** From `connect` until its failure or the connection's end. */
  get engaged(): boolean {
    return this.#link.engaged;
  }

  /** The node's time, in milliseconds since 1970. */
  now(): number {
    return Date.now() + (this.#connection?.clockOffsetMs ?? 0);
  }

  /** Why nothing can be sent now. */
  linkError(): NotConnectedError {
    return this.#link.error();
  }

  /** @throws as `Client.connect` */
  async connect(signal: AbortSignal | undefined): Promise<void> {
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
  }

  /** Makes a message to send, which is the caller's to complete. @throws as `Client.send` */
  compose(init: MessageInit): Mutable<Message> {
    if (this.#closed) throw new ClientClosedError();
    const message = outboundMessage(init);
    if (this.#did !== undefined) message.from ??= this.#did;
    if (message.to.length === 0) throw new TypeError("A message needs a recipient: to is empty");
    if (this.#connection?.connected !== true) throw this.#link.error();
    return message;
  }

  /** Sends a message. Resolves once the node has accepted it. @param onPlaintext called with it when it is sent @throws as `Client.send` */
  push(message: Message, signal?: AbortSignal, onPlaintext?: (plaintext: JsonObject) => void): Promise<SendReceipt> {
    const { telemetry } = this.#options.settings;
    const transmit = (): Promise<SendReceipt> => this.#transmit(message, signal, onPlaintext);
    return telemetry === undefined ? transmit() : traceSend(telemetry, message, transmit);
  }

  async #transmit(
    message: Message,
    signal: AbortSignal | undefined,
    onPlaintext: ((plaintext: JsonObject) => void) | undefined,
  ): Promise<SendReceipt> {
    const connection = this.#connection;
    if (connection === undefined) throw this.#link.error();
    try {
      return await this.#order.pass(this.#options.events.prepare(message), (ready) => {
        const plaintext = encodePlaintext(ready);
        onPlaintext?.(plaintext);
        return connection.send(plaintext, signal === undefined ? undefined : { signal });
      });
    } catch (error) {
      throw sendErrorFrom(error, message.id, this.#closed, (cause) => this.#link.error(cause));
    }
  }

  /** Sends a request and waits for its response, or takes one that came late. @throws as `Client.request` */
  async ask(threadId: string, outbound: Message, timeoutMs: number, signal: AbortSignal | undefined): Promise<ReceivedMessage> {
    const late = this.#threads.takeLate(outbound);
    if (late !== undefined) return late;
    const { telemetry } = this.#options.settings;
    if (telemetry === undefined) return this.#exchange(threadId, outbound, timeoutMs, signal);
    return traceRequest(telemetry, outbound, () => this.#exchange(threadId, outbound, timeoutMs, signal));
  }

  #exchange(threadId: string, outbound: Message, timeoutMs: number, signal: AbortSignal | undefined): Promise<ReceivedMessage> {
    const response = this.#threads.wait(threadId, outbound, { timeoutMs, signal });
    this.push(outbound).then(
      (receipt) => this.#threads.accepted(outbound, receipt),
      (error: unknown) => this.#threads.fail(threadId, error),
    );
    return response;
  }

  /** Sends a message that asks for receipts, and waits for them. @throws as `Client.send` */
  confirm(outbound: Message, wait: ConfirmationWait): Promise<readonly Receipt[]> {
    const confirmed = this.#confirmations.wait(outbound, wait);
    const onPlaintext = (plaintext: JsonObject): void => this.#confirmations.sentAs(outbound.id, plaintext, wait.onPlaintext);
    this.push(outbound, wait.signal, onPlaintext).then(
      () => this.#confirmations.accepted(outbound.id),
      (error: unknown) => this.#confirmations.fail(outbound.id, error),
    );
    return confirmed;
  }

  /** Leaves the node. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { settings, did, handlers, parent } = this.#options;
    const connection = await settings.transport.connect({
      ...(did !== undefined && { did }),
      ...(parent !== undefined && { parent }),
      protocols: handlers.protocols,
      signal,
      events: {
        onDisconnect: (reason) => this.#lose(reason),
        onReconnect: () => this.#restore(),
        onDelegated: (raw) => this.#options.events.onDelegated(raw),
        onWalletChange: () => this.#options.events.onWalletChange(this.#did ?? ""),
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
    if (wasUp) this.#options.events.onDisconnect(reason);
  }

  #restore(): void {
    if (this.#closed) return;
    this.#link.restored();
    this.#options.events.onReconnect();
  }

  /** The connection ended without a call of `close`. */
  async #end(connection: Connection, reason: ParleyError): Promise<void> {
    this.#connection = undefined;
    this.#dispatcher.dropQueued();
    this.#threads.failAll(new DisconnectedError(reason, "ended"));
    this.#confirmations.failAll(new DisconnectedError(reason, "ended"));
    const wasUp = this.#link.ended(reason);
    await connection.close().catch(() => {});
    if (this.#closed) return;
    this.#report(ErrorKind.SERVER_REJECT, reason);
    if (wasUp) this.#options.events.onDisconnect(reason);
    this.#options.events.onEnd(reason);
  }

  async #shutDown(): Promise<void> {
    this.#closed = true;
    this.#threads.failAll(new ClientClosedError());
    this.#confirmations.failAll(new ClientClosedError());
    this.#connecting?.abort.abort();
    await closeAll(
      () => this.#connecting?.done,
      () => this.#dispatcher.dropQueued(),
      () => waitAtMost(this.#options.settings.closeGraceMs, this.#pool.idle()),
      () => this.#connection?.close(),
    );
  }
}
