import { describeKind } from "@parley/core/eager";
import { protocolOf, type JsonObject, type Message, type MessageInit } from "@parley/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { InboundMessage } from "./inbound-message.ts";
import { requireSchema } from "./schema.ts";

/** A handler returns it for a message that is not its business: the node may try another agent, or its built-in protocols. */
export const PASS: unique symbol = Symbol.for("@parley/didcomm-agent/pass");

/** What a handler returns: a reply (it needs `type` and `body`, the rest is filled in), nothing (`undefined`, `null`), or {@link PASS}. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- handlers that return nothing are ordinary
export type HandlerResult = MessageInit | typeof PASS | null | undefined | void;

/** Handles messages of one type. It may be async. If it throws, the sender gets a problem report, or with `manualAck` the message again. */
export type Handler<Body = JsonObject> = (message: InboundMessage<Body>) => HandlerResult | Promise<HandlerResult>;

/** Options of {@link Client.handle} and {@link Client.handleAll}. */
export interface HandlerOptions {
  /** The handler acknowledges each message, by `message.ack()`. Until then the node keeps it and delivers it again. Default `false`. */
  readonly manualAck?: boolean;
}

/** Options of {@link Client.handleProtocol}. */
export interface ProtocolHandlerOptions extends HandlerOptions {
  /** Selects problem reports that the handler receives too. Default: none. Reports that a waiting request takes are not among them. */
  readonly reports?: (report: Message) => boolean;
}

/** Options of {@link Client.handle} that type the body. */
export interface SchemaHandlerOptions<Schema extends StandardSchemaV1> extends HandlerOptions {
  /** Checks and types `msg.body`. The handler is not called with a body that does not match. */
  readonly schema: Schema;
}

/** A registered handler. */
export interface HandlerEntry {
  readonly handler: Handler<unknown>;
  readonly manualAck: boolean;
  readonly schema: StandardSchemaV1 | undefined;
}

/** A handler of a protocol's messages, or of some of them. */
export interface ProtocolEntry extends HandlerEntry {
  takes(type: string): boolean;
  /** Whether it takes a problem report. Absent: it takes no reports. */
  readonly reports?: (report: Message) => boolean;
}

/** Finds the handler of a message. */
export interface HandlerLookup {
  /** Protocols to announce to the node. */
  readonly protocols: readonly string[];
  /** The handler for all messages that no other takes. */
  readonly catchAll: HandlerEntry | undefined;
  exact(type: string): HandlerEntry | undefined;
  /** The handler of a protocol that takes a problem report. */
  ofReport(report: Message): HandlerEntry | undefined;
}

/** Handlers of one DID, before those that all DIDs share. */
export class LayeredHandlers implements HandlerLookup {
  readonly protocols: readonly string[];
  readonly #own: HandlerLookup;
  readonly #shared: HandlerLookup;

  /** @param protocols announced in addition to those of `own`. */
  constructor(own: HandlerLookup, shared: HandlerLookup, protocols: readonly string[]) {
    this.protocols = [...new Set([...protocols, ...own.protocols])];
    this.#own = own;
    this.#shared = shared;
  }

  get catchAll(): HandlerEntry | undefined {
    return this.#own.catchAll ?? this.#shared.catchAll;
  }

  exact(type: string): HandlerEntry | undefined {
    return this.#own.exact(type) ?? this.#shared.exact(type);
  }

  ofReport(report: Message): HandlerEntry | undefined {
    return this.#own.ofReport(report) ?? this.#shared.ofReport(report);
  }
}

/** Handlers by message type. */
export class Handlers implements HandlerLookup {
  readonly #byType = new Map<string, HandlerEntry>();
  readonly #byProtocol = new Map<string, ProtocolEntry>();
  readonly #announced = new Set<string>();
  #catchAll: HandlerEntry | undefined;

  get protocols(): readonly string[] {
    const protocols = new Set([...this.#byType.keys()].map((type) => protocolOf(type) ?? type));
    for (const protocol of [...this.#byProtocol.keys(), ...this.#announced]) protocols.add(protocol);
    return [...protocols, ...(this.#catchAll === undefined ? [] : ["*"])];
  }

  /** Announces a protocol without a handler: its messages are responses. */
  announce(protocol: string): void {
    this.#announced.add(protocol);
  }

  add(type: string, entry: HandlerEntry): void {
    requireMessageType(type);
    if (this.#byType.has(type)) throw new TypeError(`There is a handler for ${type} already: handle both cases in one function`);
    this.#byType.set(type, checkEntry(entry));
  }

  addCatchAll(entry: HandlerEntry): void {
    if (this.#catchAll !== undefined)
      throw new TypeError("There is a handler for all other messages already: handle both cases in one function");
    this.#catchAll = checkEntry(entry);
  }

  /** Adds a handler for all messages of a protocol that have none of their own, and that it takes. */
  addProtocol(protocol: string, entry: ProtocolEntry): void {
    requireMessageType(`${protocol}/any`);
    if (this.#byProtocol.has(protocol))
      throw new TypeError(`There is a handler for ${protocol} already: handle both cases in one function`);
    this.#byProtocol.set(protocol, checkProtocolEntry(entry));
  }

  exact(type: string): HandlerEntry | undefined {
    const entry = this.#byType.get(type);
    if (entry !== undefined || this.#byProtocol.size === 0) return entry;
    const ofProtocol = this.#byProtocol.get(protocolOf(type) ?? "");
    return ofProtocol?.takes(type) === true ? ofProtocol : undefined;
  }

  ofReport(report: Message): HandlerEntry | undefined {
    for (const entry of this.#byProtocol.values()) if (entry.reports?.(report) === true) return entry;
    return undefined;
  }

  get catchAll(): HandlerEntry | undefined {
    return this.#catchAll;
  }
}

/** @throws TypeError when a node could not route messages of this type. */
export function requireMessageType(type: string): void {
  if (typeof type === "string" && protocolOf(type) !== undefined) return;
  const found = typeof type === "string" ? JSON.stringify(type) : describeKind(type);
  throw new TypeError(`${found} is not a message-type URI such as https://layr8.io/protocols/echo/1.0/request`);
}

function checkEntry(entry: HandlerEntry): HandlerEntry {
  if (typeof entry.handler !== "function")
    throw new TypeError(`A handler must be a function such as (message) => reply, not ${describeKind(entry.handler)}`);
  if (entry.schema !== undefined) requireSchema(entry.schema);
  if (typeof entry.manualAck !== "boolean")
    throw new TypeError(`Option "manualAck" must be true or false, not ${describeKind(entry.manualAck)}`);
  return entry;
}

function checkProtocolEntry(entry: ProtocolEntry): ProtocolEntry {
  checkEntry(entry);
  const { reports } = entry;
  if (reports !== undefined && typeof reports !== "function")
    throw new TypeError(`Option "reports" must be a function, not ${describeKind(reports)}`);
  return entry;
}
