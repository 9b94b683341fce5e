import { ParleyError, type Message, type MessageInit } from "@parley/core";
import { backoffMs, describeKind, rejectUnknownOptions } from "@parley/core/eager";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { ReceiptOptions, RequestOptions, SchemaRequestOptions, SendOptions } from "./call-options.ts";
import type { Settings } from "./config.ts";
import { DidSession, type ClientEvents } from "./did-session.ts";
import { requireDid } from "./did-syntax.ts";
import type { ReportError } from "./error-handler.ts";
import { Handlers, LayeredHandlers, type Handler, type HandlerLookup } from "./handlers.ts";
import type { ReceivedMessage } from "./inbound-message.ts";
import type { Receipt } from "./receipts/receipt.ts";
import { isUntil, requestResponse, sendMessage, sendUntil } from "./requests.ts";
import { Unacknowledged } from "./unacknowledged.ts";

/** Waits before a DID is joined again that the node refused to give back, in milliseconds. */
const REJOIN = { initialMs: 1000, maxMs: 30_000 };

/** A handler of a further DID: a function, or a function that acknowledges its messages itself. */
export type DidHandler = Handler | { readonly fn: Handler; readonly manualAck?: boolean };

/** Options of `Client.joinDid`. */
export interface JoinDidOptions {
  /** Protocols to announce in addition to those of `handlers`; `"*"` for all. Handlers of the client take messages of these that `handlers` doesn't name. */
  readonly protocols?: readonly string[];
  /** Handlers by message type, which come before the client's. */
  readonly handlers?: Readonly<Record<string, DidHandler>>;
  /** Aborts the join. */
  readonly signal?: AbortSignal;
}

/** A further DID of a client. */
export interface JoinedDid {
  readonly did: string;
  /** Whether the node delivers to this DID now. */
  readonly connected: boolean;
  /** Sends a message from this DID; see `Client.send`. */
  send(message: MessageInit, options: ReceiptOptions): Promise<readonly Receipt[]>;
  send(message: MessageInit, options?: SendOptions): Promise<Message>;
  /** Sends a request from this DID; see `Client.request`. */
  request<Schema extends StandardSchemaV1>(
    message: MessageInit,
    options: SchemaRequestOptions<Schema>,
  ): Promise<ReceivedMessage<StandardSchemaV1.InferOutput<Schema>>>;
  request(message: MessageInit, options?: RequestOptions): Promise<ReceivedMessage>;
  /** Acknowledges messages that this DID's handlers with `manualAck` have received. Unknown ids are ignored. */
  sendAck(ids: readonly string[]): void;
}

/** What a {@link HostedDid} needs of its client. */
export interface HostedDidOptions {
  readonly settings: Settings;
  readonly did: string;
  readonly join: JoinDidOptions;
  /** The handlers of the client. */
  readonly shared: HandlerLookup;
  readonly report: ReportError;
  readonly events: ClientEvents;
}

/** A further DID of a client. If the node refuses to give it back after a loss of the link, it is joined again later. */
export class HostedDid implements JoinedDid {
  readonly did: string;
  readonly #session: DidSession;
  readonly #settings: Settings;
  readonly #report: ReportError;
  readonly #unacknowledged = new Unacknowledged();
  #attempts = 0;
  #retry: NodeJS.Timeout | undefined;

  /** @throws TypeError naming the option that is wrong. */
  constructor({ settings, did, join, shared, report, events }: HostedDidOptions) {
    requireDid("The DID to join", did);
    rejectUnknownOptions(join, ["protocols", "handlers", "signal"]);
    const { protocols = [], handlers = {} } = join;
    if (!Array.isArray(protocols))
      throw new TypeError(`Option "protocols" must be a list of protocol URIs, not ${describeKind(protocols)}`);
    const own = new Handlers();
    for (const [type, handler] of Object.entries(handlers)) own.add(type, { ...this.#readHandler(handler), schema: undefined });
    this.did = did;
    this.#settings = settings;
    this.#report = report;
    this.#session = new DidSession({
      settings,
      did,
      handlers: new LayeredHandlers(own, shared, protocols),
      report,
      events: {
        ...events,
        onDelegated: () => undefined,
        onDisconnect: () => undefined,
        onReconnect: () => undefined,
        onEnd: (reason) => this.#onEnd(reason),
      },
    });
  }

  get connected(): boolean {
    return this.#session.connected;
  }

  connect(signal: AbortSignal | undefined): Promise<void> {
    return this.#session.connect(signal);
  }

  send(message: MessageInit, options: ReceiptOptions): Promise<readonly Receipt[]>;
  send(message: MessageInit, options?: SendOptions): Promise<Message>;
  send(message: MessageInit, options: SendOptions | ReceiptOptions = {}): Promise<Message | readonly Receipt[]> {
    if (isUntil(options)) return sendUntil(this.#session, this.#settings.requestTimeoutMs, message, options);
    return sendMessage(this.#session, this.#report, message, options);
  }

  request<Schema extends StandardSchemaV1>(
    message: MessageInit,
    options: SchemaRequestOptions<Schema>,
  ): Promise<ReceivedMessage<StandardSchemaV1.InferOutput<Schema>>>;
  request(message: MessageInit, options?: RequestOptions): Promise<ReceivedMessage>;
  request(message: MessageInit, options: RequestOptions & { readonly schema?: StandardSchemaV1 } = {}): Promise<ReceivedMessage<unknown>> {
    return requestResponse(this.#session, this.#settings.requestTimeoutMs, message, options);
  }

  sendAck(ids: readonly string[]): void {
    if (!Array.isArray(ids)) throw new TypeError(`sendAck needs a list of message ids, not ${describeKind(ids)}`);
    for (const id of ids as readonly string[]) this.#unacknowledged.acknowledge(id);
  }

  /** Leaves the DID's topic. Idempotent. */
  leave(): Promise<void> {
    clearTimeout(this.#retry);
    return this.#session.close();
  }

  #readHandler(given: DidHandler): { readonly handler: Handler<unknown>; readonly manualAck: boolean } {
    const { fn, manualAck = false } = typeof given === "function" ? { fn: given } : given;
    const handler = manualAck ? this.#unacknowledged.remember(fn) : fn;
    return { handler: handler as Handler<unknown>, manualAck };
  }

  /** Another connection that has taken the DID over keeps it. */
  #onEnd(reason: ParleyError): void {
    if (reason.code === "taken_over") return;
    this.#retry = setTimeout(() => void this.#rejoin(), backoffMs(++this.#attempts, REJOIN));
  }

  async #rejoin(): Promise<void> {
    try {
      await this.#session.connect(undefined);
      this.#attempts = 0;
    } catch (error) {
      if (!this.#session.closed) this.#onEnd(ParleyError.from(error));
    }
  }
}
