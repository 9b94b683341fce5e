import { ChurnMap } from "@parley/core/internal";
import { inboxMessage } from "../../inbox/inbox-message.ts";
import type { Box, BoxListener, Inbox, InboxMessage } from "../../inbox/inbox.ts";
import type { BindingRank } from "./binding-rank.ts";
import type { BoundMailbox, ReportedFailure, Settlement } from "./bound-mailbox.ts";
import { confirmOwnThreads, confirmResponses, type ArrivalOwner } from "./confirm-arrival.ts";
import type { Consumer } from "./consumer.ts";
import { ConsumerRoutes } from "./consumer-routes.ts";
import type { DeliveryOptions } from "./delivery-options.ts";
import { describeConnection, type DescribedConnection } from "./described-connection.ts";
import { InboxReader, type InboxReaderOwner } from "./inbox-reader.ts";
import { Removals, type RemovalEvents, type RemovalsOwner } from "./removals.ts";
import { Suspects, type BrokenLinkCause } from "./suspects.ts";
import { Window, type InFlightDelivery } from "./window.ts";

/** Why a message leaves a mailbox without being handled. */
export type DeadLetterCause = "expired" | "unhandled" | "deleted" | BrokenLinkCause;

/** Events of {@link Mailbox}. */
export interface MailboxEvents extends RemovalEvents {
  onDelivered(message: InboxMessage, attempt: number): void;
  /** An agent has acknowledged a message, `ms` milliseconds after its delivery. */
  readonly onSettled?: ((message: InboxMessage, settlement: Settlement, ms: number) => void) | undefined;
  /** A message leaves without being handled. */
  onDead(message: InboxMessage, cause: DeadLetterCause): void;
  /** An agent failed to process a message. `isReported`: it has sent something on the thread since the delivery, such as a problem report. */
  onFailed(message: InboxMessage, failure: ReportedFailure, isReported: boolean): void;
  /** Another node has the box. This mailbox must not be used afterwards. */
  readonly onLost: (mailbox: Mailbox) => void;
}

const NONE: ReadonlySet<Consumer> = new Set();
const PAGE = { limit: 256, maxLength: 1024 * 1024 };

/**
 * Delivers one DID's box to its connections: in order, by protocol and thread, with a bounded number in flight, and again without an
 * acknowledgement.
 *
 * While connections keep up, {@link Mailbox.onMessage} passes a message directly to a connection. Otherwise it stays in the box and is read
 * from there, so that a slow agent uses disk and not memory.
 */
export class Mailbox implements BoxListener, BoundMailbox, InboxReaderOwner, RemovalsOwner, ArrivalOwner {
  readonly did: string;
  readonly #inbox: Inbox;
  readonly #options: DeliveryOptions;
  readonly #events: MailboxEvents;
  /** Its connections. */
  readonly routes: ConsumerRoutes;
  readonly #windows = new Map<Consumer, Window<Consumer>>();
  readonly #inFlight = new ChurnMap<number, InFlightDelivery<Consumer>>();
  /** Connections that passed on a message which the next connection can't accept yet, by seq. */
  readonly #passedBy = new ChurnMap<number, ReadonlySet<Consumer>>();
  readonly #removals: Removals;
  #box: Promise<Box> | undefined;
  #isLost = false;
  /** The latest commit that contains delivered messages, and their seqs. */
  #writing: { readonly durable: Promise<void>; readonly seqs: number[] } | undefined;
  readonly #reader: InboxReader;
  /** Created when a link ends with messages in flight: most mailboxes never need it, and it takes half a kilobyte. */
  #suspects: Suspects<Consumer> | undefined;
  /** A message is held because another sender's message with the same id is in flight. */
  #clashed = false;

  constructor(did: string, inbox: Inbox, options: DeliveryOptions, events: MailboxEvents) {
    this.did = did;
    this.#inbox = inbox;
    this.#options = options;
    this.#events = events;
    this.routes = new ConsumerRoutes(options.maxThreads);
    this.#removals = new Removals(this, options.clock, events);
    this.#reader = new InboxReader(this);
    // After a failure, the next read opens the box.
    this.open().catch(() => undefined);
  }

  /** For its reader, as are the next three methods. */
  async readAfter(after: number): Promise<readonly InboxMessage[]> {
    return (await this.open()).read({ after, ...PAGE });
  }

  look(message: InboxMessage): void {
    if (!this.#inFlight.has(message.seq) && !this.#removals.has(message.seq)) this.#tryDeliver(message);
  }

  isFull(): boolean {
    return this.connected && [...this.#windows.values()].every((window) => window.starved);
  }

  onReadFailure(error: unknown): void {
    this.#events.onFailure(error);
  }

  /** Its connections, those of other nodes included. */
  get consumers(): readonly Consumer[] {
    return [...this.#windows.keys()];
  }

  get connected(): boolean {
    return this.routes.bindings.size > 0;
  }

  /** Whether this mailbox can be dropped, because it holds no state beyond the inbox. */
  get idle(): boolean {
    return !this.connected && this.#removals.size === 0 && !this.#reader.walking;
  }

  /** Whether it holds suspects: messages that may have broken the agent's link. */
  get hasSuspects(): boolean {
    return this.#suspects !== undefined && this.#suspects.size > 0;
  }

  /** Its box, opened if necessary. @throws StorageError `storage_failed` */
  open(): Promise<Box> {
    this.#box ??= this.#inbox.open(this.did, this).catch((error: unknown) => {
      this.#box = undefined;
      throw error;
    });
    return this.#box;
  }

  /** Closes the box. Called once, when it is idle. */
  async close(): Promise<void> {
    await (await this.#box)?.close();
  }

  /**
   * Adds a connection. It takes over its protocols from other connections, with their messages in flight.
   *
   * @param rank of a connection that may have been bound earlier than others, at another node. Default: the latest.
   */
  bind(consumer: Consumer, protocols: Iterable<string>, rank?: BindingRank): void {
    const losers = this.routes.bindings.bind(consumer, protocols, rank);
    this.#windows.set(consumer, new Window(this.#options.window));
    for (const { connection, left } of losers) {
      this.#release(connection, (delivery) => this.routes.find(delivery.message, delivery.passedBy) !== connection);
      if (!left) connection.takenOver();
    }
    this.#reader.walk(0);
  }

  unbind(consumer: Consumer, closeCode?: number): void {
    if (!this.routes.bindings.has(consumer)) return;
    this.routes.bindings.unbind(consumer);
    const unacknowledged = [...(this.#windows.get(consumer)?.inFlight ?? [])];
    if (unacknowledged.length > 0) this.#suspects ??= this.#createSuspects();
    for (const { message, cause } of this.#suspects?.linkEnded(consumer, unacknowledged, closeCode) ?? []) {
      const delivery = this.#inFlight.get(message.seq);
      if (delivery !== undefined) this.#complete(delivery);
      this.#deadLetter(message, cause);
    }
    this.#release(consumer, () => true);
    this.#windows.delete(consumer);
    this.#passedBy.clear();
    this.routes.threads.forget(consumer);
  }

  /** Records that the connection has sent a message on a thread: responses are routed to it. */
  recordThread(thread: string, consumer: Consumer): void {
    this.routes.threads.record(thread, consumer);
  }

  /**
   * Delivers a new message before it is durable. If the write then fails, an agent that acted on the message is in the same situation as
   * after a lost acknowledgement.
   */
  onMessage(message: InboxMessage, durable: Promise<void>): void {
    if (!this.connected) return;
    if (!this.#reader.passes(message.seq)) return this.#reader.grew();
    if (this.#writing?.durable !== durable) this.#writing = this.#retractAfter(durable);
    this.#writing.seqs.push(message.seq);
    this.#tryDeliver(message);
  }

  /** Dead-letters expired messages. Those in flight follow when their acknowledgement is overdue. */
  onExpired(): void {
    this.#reader.walk(0);
  }

  /** Stops delivering: another node does. Messages in flight are delivered again there. */
  onLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#events.onLost(this);
  }

  #createSuspects(): Suspects<Consumer> {
    return new Suspects({
      read: async (seq) => {
        const [message] = await (await this.open()).read({ after: seq - 1, limit: 1, maxLength: 1 });
        return message?.seq === seq && !this.#removals.has(seq) ? message : undefined;
      },
      route: (message) => this.routes.find(message),
      deliver: (message, consumer) => this.#deliverSuspect(message, consumer),
      onCleared: (seq) => {
        if (this.#inFlight.has(seq) || this.#removals.has(seq)) return;
        this.#reader.hold(seq);
        this.#reader.resume();
      },
      onFailure: this.#events.onFailure,
      now: () => this.#options.clock.monotonic(),
    });
  }

  /** Messages that could not be stored are no longer in flight. Their senders get an error. */
  #retractAfter(durable: Promise<void>): { readonly durable: Promise<void>; readonly seqs: number[] } {
    const seqs: number[] = [];
    durable.catch(() => {
      for (const seq of seqs) {
        const delivery = this.#inFlight.get(seq);
        if (delivery !== undefined) this.#complete(delivery);
      }
    });
    return { durable, seqs };
  }

  settle(consumer: Consumer, id: string | undefined, settlement: Settlement, failure: ReportedFailure = {}): void {
    const window = this.#windows.get(consumer);
    const delivery = id === undefined ? window?.oldest() : window?.get(id);
    if (window === undefined || delivery === undefined) return;
    const { message, sentBefore } = delivery;
    this.#complete(delivery);
    this.#suspects?.settled(message.seq);
    this.#events.onSettled?.(message, settlement, this.#options.clock.monotonic() - delivery.deliveredAt);
    if (settlement === "pass") this.#passOn(delivery);
    else if (settlement === "handled" && message.asksForReceipts === true) void this.#removals.addConfirmed(message);
    else this.#removals.addAcknowledged(message);
    const thread = message.thread ?? message.id;
    if (settlement === "error") this.#events.onFailed(message, failure, this.routes.threads.hasSentSince(sentBefore, thread));
    if (window.mayResume) this.resume(consumer);
  }

  /** Its connections and their messages in flight, for the console. */
  describe(maxInFlight: number): readonly DescribedConnection[] {
    const now = this.#options.clock.monotonic();
    return Array.from(this.#windows, ([consumer, window]) =>
      describeConnection(consumer, window, { protocols: this.routes.bindings.protocolsOf(consumer), maxInFlight, now }),
    );
  }

  redeliver(consumer: Consumer): void {
    this.#release(consumer, () => true);
  }

  /** Ends all connections: the DID is no longer hosted. */
  disconnect(): void {
    for (const consumer of this.#windows.keys()) consumer.takenOver();
  }

  /** Removes a message, in flight or not. Resolves when the removal is durable. */
  async discard(seq: number): Promise<void> {
    this.#takeBack(seq);
    await this.#removals.removeNow(seq);
    for (const [consumer, window] of this.#windows) if (window.mayResume) this.resume(consumer);
  }

  /** Delivers a message again now, without waiting for an acknowledgement or for a connection that passed on it. */
  redeliverNow(seq: number): void {
    this.#takeBack(seq);
    this.#reader.hold(seq);
    this.#reader.resume();
  }

  /** Ends the delivery of a message. */
  #takeBack(seq: number): void {
    const delivery = this.#inFlight.get(seq);
    if (delivery !== undefined) {
      this.#complete(delivery);
      this.#record(delivery);
    }
    this.#suspects?.settled(seq);
    this.#passedBy.delete(seq);
  }

  resume(consumer: Consumer): void {
    const window = this.#windows.get(consumer);
    if (window === undefined) return;
    window.starved = false;
    this.#reader.resume();
  }

  /** Redelivers messages whose acknowledgement is overdue. Called by {@link Mailboxes}, every second. */
  sweep(): void {
    const now = this.#options.clock.monotonic();
    for (const delivery of this.#inFlight.values()) if (delivery.dueAt <= now) this.#overdue(delivery);
    // The messages just removed may have made room in a full window.
    for (const [consumer, window] of this.#windows) if (window.mayResume) this.resume(consumer);
    if (!this.connected) return;
    this.#reader.retry();
    this.#suspects?.sweep();
    if (!this.#clashed) return;
    this.#clashed = false;
    this.#reader.resume();
  }

  #overdue(delivery: InFlightDelivery<Consumer>): void {
    this.#complete(delivery);
    // The link was alive after the delivery, so the agent has received the response; older SDKs don't acknowledge responses.
    if (delivery.handledOnReceipt && delivery.consumer.lastHeardAt > delivery.deliveredAt) return this.#remove(delivery.message.seq);
    if (delivery.message.expiresAt <= this.#options.clock.expiry()) return this.#deadLetter(delivery.message, "expired");
    this.#record(delivery);
    this.#tryDeliver(inboxMessage(delivery.message, delivery.message.seq, delivery.attempt));
  }

  #passOn(delivery: InFlightDelivery<Consumer>): void {
    const passedBy = new Set(delivery.passedBy).add(delivery.consumer);
    if (this.routes.find(delivery.message, passedBy) === undefined) this.#deadLetter(delivery.message, "unhandled");
    else this.#tryDeliver(delivery.message, passedBy);
  }

  #tryDeliver(message: InboxMessage, passedBy: ReadonlySet<Consumer> = this.#passedBy.get(message.seq) ?? NONE): void {
    if (this.#isLost) return;
    if (message.expiresAt <= this.#options.clock.expiry()) return this.#deadLetter(message, "expired");
    if (this.#suspects?.has(message.seq) === true) return;
    const consumer = this.routes.find(message, passedBy);
    const window = consumer === undefined ? undefined : this.#windows.get(consumer);
    const clashes = window?.has(message.id) === true;
    if (clashes) this.#clashed = true;
    if (consumer === undefined || window === undefined || clashes || !window.takes(message, consumer.writable)) {
      this.#reader.hold(message.seq);
      if (passedBy.size > 0) this.#passedBy.set(message.seq, passedBy);
      if (consumer !== undefined && window?.mayConfirm === true) confirmOwnThreads(this, consumer, window);
      return;
    }
    this.#deliver(message, consumer, window, passedBy);
  }

  #deliverSuspect(message: InboxMessage, consumer: Consumer): boolean {
    const window = this.#windows.get(consumer);
    if (window === undefined || this.#inFlight.has(message.seq) || this.#removals.has(message.seq)) return false;
    if (message.expiresAt <= this.#options.clock.expiry()) {
      this.#deadLetter(message, "expired");
      return false;
    }
    if (window.has(message.id) || !window.hasRoom(message, consumer.writable)) return false;
    this.#deliver(message, consumer, window, NONE);
    return true;
  }

  #deliver(message: InboxMessage, consumer: Consumer, window: Window<Consumer>, passedBy: ReadonlySet<Consumer>): void {
    const now = this.#options.clock.monotonic();
    const attempt = message.attempts + 1;
    const { ackTimeoutMs, maxAckTimeoutMs } = this.#options;
    const dueAt = now + Math.min(maxAckTimeoutMs, ackTimeoutMs * 2 ** Math.min(attempt - 1, 20));
    const onOwnThread = this.routes.isOnOwnThread(message, consumer);
    const handledOnReceipt = this.routes.isHandledOnReceipt(message, consumer, onOwnThread);
    const sentBefore = this.routes.threads.count;
    const delivery = { message, consumer, attempt, deliveredAt: now, dueAt, onOwnThread, handledOnReceipt, sentBefore, passedBy };
    window.add(delivery);
    this.#inFlight.set(message.seq, delivery);
    this.#passedBy.delete(message.seq);
    consumer.deliver(message, attempt);
    this.#events.onDelivered(message, attempt);
    if (handledOnReceipt && !window.confirming) confirmResponses(this, consumer, window);
  }

  #complete(delivery: InFlightDelivery<Consumer>): void {
    this.#inFlight.delete(delivery.message.seq);
    this.#windows.get(delivery.consumer)?.remove(delivery);
  }

  isInFlight(delivery: InFlightDelivery<Consumer>): boolean {
    return this.#inFlight.get(delivery.message.seq) === delivery;
  }

  onResponseReceived(delivery: InFlightDelivery<Consumer>): void {
    this.#complete(delivery);
    this.#remove(delivery.message.seq);
  }

  /** Releases messages in flight on a connection, so that they are redelivered in order. */
  #release(consumer: Consumer, which: (delivery: InFlightDelivery<Consumer>) => boolean): void {
    const released = [...(this.#windows.get(consumer)?.inFlight ?? [])].filter(which);
    for (const delivery of released) {
      this.#complete(delivery);
      this.#record(delivery);
      if (this.#suspects?.has(delivery.message.seq) !== true) this.#reader.hold(delivery.message.seq);
    }
    if (released.length > 0 && this.connected) this.#reader.resume();
  }

  #record(delivery: InFlightDelivery<Consumer>): void {
    this.open()
      .then((box) => box.recordAttempts(delivery.message.seq, delivery.attempt))
      .catch(this.#events.onFailure);
  }

  #deadLetter(message: InboxMessage, cause: DeadLetterCause): void {
    this.#remove(message.seq);
    this.#events.onDead(message, cause);
  }

  #remove(seq: number): void {
    this.#suspects?.settled(seq);
    this.#passedBy.delete(seq);
    this.#removals.add(seq);
  }
}
