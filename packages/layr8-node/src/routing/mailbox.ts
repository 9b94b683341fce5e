import { protocolOf } from "@parley/core";
import { TransientMap } from "@parley/core/internal";
import { inboxMessage } from "../inbox/inbox-message.ts";
import type { Inbox, InboxMessage } from "../inbox/inbox.ts";
import type { Clock } from "../clock.ts";
import type { Probe } from "../phoenix/probe-queue.ts";
import { InboxReader } from "./inbox-reader.ts";
import { Bindings } from "./bindings.ts";
import { Suspects, type BrokenLinkCause } from "./suspects.ts";
import { ThreadRoutes } from "./thread-routes.ts";
import { Window, type InFlightDelivery, type WindowLimits } from "./window.ts";

/** One connection of an agent, as its mailbox sees it. */
export interface Consumer {
  readonly writable: boolean;
  /** When the agent was last heard of, on the monotonic clock. */
  readonly lastHeardAt: number;
  /** When the last topic was joined on its link, on the monotonic clock. */
  readonly quietSince: number;
  /** Whether its agent acknowledges every delivery, answers to its requests included. Agents of other SDKs acknowledge no such answers. */
  readonly acknowledgesAnswers: boolean;
  /** Whether its agent says what came of a message: then it passes on answers that nothing waits for. */
  readonly replies: boolean;
  deliver(message: InboxMessage, attempt: number): void;
  /** Resolves once the agent's end has taken in everything delivered so far. */
  confirm(): Promise<void>;
  /** Has a delivery sent that may break the link, while no other such delivery is under way on it. */
  probe(probe: Probe): void;
  /** Newer connections have all its protocols now. */
  takenOver(): void;
}

/** How an agent finished with a message: see `Outcome` in `@parley/core`. */
export type Settlement = "handled" | "pass" | "error";

/** What an agent says went wrong with a message. */
export interface ReportedFailure {
  readonly code?: string;
  readonly message?: string;
}

/** Why a message leaves a mailbox without having been handled. */
export type DeadLetterCause = "expired" | "unhandled" | BrokenLinkCause;

/** How messages are delivered and delivered again. */
export interface DeliveryOptions {
  /** Wait for an acknowledgement before the first redelivery; doubles with each attempt. Milliseconds. */
  readonly ackTimeoutMs: number;
  /** The longest such wait, in milliseconds. */
  readonly maxAckTimeoutMs: number;
  readonly window: WindowLimits;
  /** Threads remembered per DID. */
  readonly maxThreads: number;
  readonly clock: Clock;
}

/** What a mailbox tells the router. */
export interface MailboxEvents {
  onDelivered(message: InboxMessage, attempt: number): void;
  /** A message leaves without having been handled. */
  onDead(message: InboxMessage, cause: DeadLetterCause): void;
  /** An agent failed at a message, and has sent nothing on its thread since it got it. */
  onFailed(message: InboxMessage, failure: ReportedFailure): void;
  /** The inbox failed. What was not settled will be delivered again. */
  onFailure(error: unknown): void;
}

const NONE: ReadonlySet<Consumer> = new Set();
const PAGE = { limit: 256, maxLength: 1024 * 1024 };

/**
 * Delivers one DID's inbox to its connections: in order, by protocol and thread, a bounded number in flight, again when an
 * acknowledgement stays away.
 *
 * While connections keep up, a message goes straight from {@link Mailbox.offer} to the wire; otherwise it waits in the inbox and is
 * read from there, so that a slow agent costs disk and not memory.
 */
export class Mailbox {
  readonly did: string;
  readonly #inbox: Inbox;
  readonly #options: DeliveryOptions;
  readonly #events: MailboxEvents;
  readonly #bindings = new Bindings<Consumer>();
  readonly #threads: ThreadRoutes<Consumer>;
  readonly #windows = new Map<Consumer, Window<Consumer>>();
  readonly #inFlight = new TransientMap<number, InFlightDelivery<Consumer>>();
  /** Connections that passed on a message which the next one can't take yet, by seq. */
  readonly #passedBy = new Map<number, ReadonlySet<Consumer>>();
  /** Settled, but perhaps still in the inbox. */
  readonly #leaving = new TransientMap<number, true>();
  #toSettle: number[] = [];
  readonly #reader: InboxReader;
  readonly #suspects: Suspects<Consumer>;
  /** A message is held because another sender's of the same id is in flight. */
  #clashed = false;

  constructor(did: string, inbox: Inbox, options: DeliveryOptions, events: MailboxEvents) {
    this.did = did;
    this.#inbox = inbox;
    this.#options = options;
    this.#events = events;
    this.#threads = new ThreadRoutes(options.maxThreads);
    this.#reader = new InboxReader({
      read: (after) => inbox.read(did, { after, ...PAGE }),
      look: (message) => {
        if (!this.#inFlight.has(message.seq) && !this.#leaving.has(message.seq)) this.#tryDeliver(message);
      },
      isFull: () => this.connected && [...this.#windows.values()].every((window) => window.starved),
      onFailure: (error) => events.onFailure(error),
    });
    this.#suspects = new Suspects({
      read: async (seq) => {
        const [message] = await inbox.read(did, { after: seq - 1, limit: 1, maxLength: 1 });
        return message?.seq === seq && !this.#leaving.has(seq) ? message : undefined;
      },
      route: (message) => this.#route(message, NONE),
      deliver: (message, consumer) => this.#deliverSuspect(message, consumer),
      onCleared: (seq) => {
        if (this.#inFlight.has(seq) || this.#leaving.has(seq)) return;
        this.#reader.hold(seq);
        this.#reader.resume();
      },
      onFailure: (error) => events.onFailure(error),
      now: () => options.clock.monotonic(),
    });
  }

  get connected(): boolean {
    return this.#bindings.size > 0;
  }

  /** Whether another mailbox of this DID could take over: only the inbox holds anything that it needs. */
  get idle(): boolean {
    return !this.connected && this.#leaving.size === 0 && !this.#reader.walking;
  }

  /** Whether messages are remembered that may have broken the agent's link. */
  get hasSuspects(): boolean {
    return this.#suspects.size > 0;
  }

  /** Something is being written that this mailbox must see when it reads its inbox. */
  wrote(writing: Promise<unknown>): void {
    this.#reader.wrote(writing);
  }

  get protocols(): Iterable<string> {
    return this.#bindings.protocols;
  }

  /** Whether some connection would take this message now. */
  wouldTake(message: Pick<InboxMessage, "id" | "type" | "thread" | "parentThread">): boolean {
    return this.#route(message, NONE) !== undefined;
  }

  /** How many protocols would be bound after {@link Mailbox.bind}. */
  countWith(protocols: Iterable<string>): number {
    return this.#bindings.countWith(protocols);
  }

  /** Whether {@link Mailbox.bind} would take a protocol from a connection other than `except`. */
  wouldTakeOver(protocols: Iterable<string>, except: unknown): boolean {
    return this.#bindings.wouldTakeOver(protocols, except);
  }

  /** Adds a connection. Protocols that another one had move over, with what it had in flight of them. */
  bind(consumer: Consumer, protocols: Iterable<string>): void {
    const losers = this.#bindings.bind(consumer, protocols);
    this.#windows.set(consumer, new Window(this.#options.window));
    for (const { connection, left } of losers) {
      this.#release(connection, (delivery) => this.#route(delivery.message, delivery.passedBy) !== connection);
      if (!left) connection.takenOver();
    }
    this.#reader.walk(0);
  }

  /**
   * Removes a connection. What it did not acknowledge goes to another one, or waits.
   *
   * @param closeCode the WebSocket close code, where the client ended the link without leaving: what was in flight may be the reason.
   */
  unbind(consumer: Consumer, closeCode?: number): void {
    if (!this.#bindings.has(consumer)) return;
    this.#bindings.unbind(consumer);
    const unacknowledged = [...(this.#windows.get(consumer)?.inFlight ?? [])];
    for (const { message, cause } of this.#suspects.linkEnded(consumer, unacknowledged, closeCode)) {
      const delivery = this.#inFlight.get(message.seq);
      if (delivery !== undefined) this.#complete(delivery);
      this.#bury(message, cause);
    }
    this.#release(consumer, () => true);
    this.#windows.delete(consumer);
    this.#passedBy.clear();
    this.#threads.forget(consumer);
  }

  /** The connection has spoken on a thread: answers go to it. */
  spoke(thread: string, consumer: Consumer): void {
    this.#threads.record(thread, consumer);
  }

  /**
   * A message has its place in the inbox; called in the order of their seqs. It is delivered while it is still being written: an
   * agent that acts on a message which the node then fails to store is no worse off than one whose acknowledgement is lost.
   */
  offer(message: InboxMessage, durable: Promise<void>): void {
    this.#reader.wrote(durable);
    if (this.connected && this.#reader.passes(message.seq)) return this.#tryDeliver(message);
    if (this.connected) this.#reader.grew();
  }

  /** A message that was offered could not be stored, and its sender knows. */
  retract(message: InboxMessage): void {
    const delivery = this.#inFlight.get(message.seq);
    if (delivery !== undefined) this.#complete(delivery);
  }

  /** An agent is done with a message. Without an id: with the one that has waited longest. */
  settle(consumer: Consumer, id: string | undefined, settlement: Settlement, failure: ReportedFailure = {}): void {
    const window = this.#windows.get(consumer);
    const delivery = id === undefined ? window?.oldest() : window?.get(id);
    if (window === undefined || delivery === undefined) return;
    const { message, spokenBefore } = delivery;
    this.#complete(delivery);
    this.#suspects.settled(message.seq);
    if (settlement === "pass") this.#passOn(delivery);
    else this.#remove(message.seq);
    const thread = message.thread ?? message.id;
    if (settlement === "error" && !this.#threads.hasSpokenSince(spokenBefore, thread)) this.#events.onFailed(message, failure);
    if (window.mayResume) this.resume(consumer);
  }

  /** Delivers again what a connection has not acknowledged. */
  redeliver(consumer: Consumer): void {
    this.#release(consumer, () => true);
  }

  /** A connection takes more again. */
  resume(consumer: Consumer): void {
    const window = this.#windows.get(consumer);
    if (window === undefined) return;
    window.starved = false;
    this.#reader.resume();
  }

  /** Called now and then: redelivers what was not acknowledged in time. */
  sweep(): void {
    const now = this.#options.clock.monotonic();
    for (const delivery of this.#inFlight.values()) if (delivery.dueAt <= now) this.#overdue(delivery);
    // What has just left may have been all that a full window waited for.
    for (const [consumer, window] of this.#windows) if (window.mayResume) this.resume(consumer);
    if (this.connected) this.#reader.retry();
    if (this.connected) this.#suspects.sweep();
    if (this.#clashed && this.connected) {
      this.#clashed = false;
      this.#reader.resume();
    }
  }

  /** Gives up the messages that have expired. Those in flight follow when their acknowledgement is overdue. */
  expire(): void {
    this.#reader.walk(0);
  }

  #overdue(delivery: InFlightDelivery<Consumer>): void {
    this.#complete(delivery);
    // Its link is alive, so it has the answer, and older SDKs don't acknowledge answers.
    if (delivery.answersConsumer && delivery.consumer.lastHeardAt > delivery.deliveredAt) return this.#remove(delivery.message.seq);
    if (delivery.message.expiresAt <= this.#options.clock.expiry()) return this.#bury(delivery.message, "expired");
    this.#record(delivery);
    this.#tryDeliver(inboxMessage(delivery.message, delivery.message.seq, delivery.attempt));
  }

  #passOn(delivery: InFlightDelivery<Consumer>): void {
    const passedBy = new Set(delivery.passedBy).add(delivery.consumer);
    if (this.#route(delivery.message, passedBy) === undefined) this.#bury(delivery.message, "unhandled");
    else this.#tryDeliver(delivery.message, passedBy);
  }

  #route(message: Pick<InboxMessage, "id" | "type" | "thread" | "parentThread">, except: ReadonlySet<Consumer>): Consumer | undefined {
    const asker = this.#asker(message);
    if (asker !== undefined && !except.has(asker)) return asker;
    const owner = this.#bindings.find(protocolOf(message.type), except);
    if (owner !== undefined) return owner;
    // The answer to something that was asked before a reconnection: the agent knows best.
    return isAnswer(message) ? this.#bindings.latest(except) : undefined;
  }

  #asker(message: Pick<InboxMessage, "thread" | "parentThread">): Consumer | undefined {
    return this.#threads.find(message.thread) ?? this.#threads.find(message.parentThread);
  }

  #tryDeliver(message: InboxMessage, passedBy: ReadonlySet<Consumer> = this.#passedBy.get(message.seq) ?? NONE): void {
    if (message.expiresAt <= this.#options.clock.expiry()) return this.#bury(message, "expired");
    if (this.#suspects.has(message.seq)) return;
    const consumer = this.#route(message, passedBy);
    const window = consumer === undefined ? undefined : this.#windows.get(consumer);
    const clashes = window?.has(message.id) === true;
    if (clashes) this.#clashed = true;
    if (consumer === undefined || window === undefined || clashes || !window.takes(message, consumer.writable)) {
      this.#reader.hold(message.seq);
      if (passedBy.size > 0) this.#passedBy.set(message.seq, passedBy);
      if (consumer !== undefined && window?.mayConfirm === true) void this.#confirm(consumer, window);
      return;
    }
    this.#deliver(message, consumer, window, passedBy);
  }

  #deliverSuspect(message: InboxMessage, consumer: Consumer): boolean {
    const window = this.#windows.get(consumer);
    if (window === undefined || this.#inFlight.has(message.seq) || this.#leaving.has(message.seq)) return false;
    if (message.expiresAt <= this.#options.clock.expiry()) {
      this.#bury(message, "expired");
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
    const onOwnThread = this.#asker(message) === consumer;
    const answersConsumer = this.#needsNoAcknowledgement(message, consumer, onOwnThread);
    const spokenBefore = this.#threads.count;
    const delivery = { message, consumer, attempt, deliveredAt: now, dueAt, onOwnThread, answersConsumer, spokenBefore, passedBy };
    window.add(delivery);
    this.#inFlight.set(message.seq, delivery);
    this.#passedBy.delete(message.seq);
    consumer.deliver(message, attempt);
    this.#events.onDelivered(message, attempt);
    if (answersConsumer && !window.confirming) this.#confirmAnswers(consumer, window);
  }

  /**
   * Whether a message counts as handled once it has arrived: an answer to a connection without a handler for it, whose agent acknowledges
   * no answers. Where it has a handler, that may be what deals with the message, and acknowledges it.
   */
  #needsNoAcknowledgement(message: InboxMessage, consumer: Consumer, onOwnThread: boolean): boolean {
    if (consumer.acknowledgesAnswers) return false;
    if (!onOwnThread && (consumer.replies || !isAnswer(message))) return false;
    return !this.#bindings.owns(consumer, protocolOf(message.type));
  }

  /** Finds out when the answers of this turn of the event loop have arrived. */
  #confirmAnswers(consumer: Consumer, window: Window<Consumer>): void {
    window.confirming = true;
    setImmediate(() => void this.#confirm(consumer, window, ({ answersConsumer }) => answersConsumer));
  }

  #complete(delivery: InFlightDelivery<Consumer>): void {
    this.#inFlight.delete(delivery.message.seq);
    this.#windows.get(delivery.consumer)?.remove(delivery);
  }

  /**
   * Waits until what is in flight has arrived. Answers that nobody will acknowledge are removed then; other messages on the connection's own
   * threads, which may be answers, take no room in its window any more.
   */
  async #confirm(
    consumer: Consumer,
    window: Window<Consumer>,
    which: (delivery: InFlightDelivery<Consumer>) => boolean = isOnOwnThread,
  ): Promise<void> {
    const answers = [...window.inFlight].filter(which);
    window.confirming = true;
    await consumer.confirm();
    window.confirming = false;
    for (const delivery of answers) {
      if (this.#inFlight.get(delivery.message.seq) !== delivery) continue;
      if (delivery.answersConsumer) {
        this.#complete(delivery);
        this.#remove(delivery.message.seq);
      } else {
        // A handler may be at work on it: it stays in the inbox until it is acknowledged.
        window.arrived(delivery);
      }
    }
    if (window.awaitsAnswers) this.#confirmAnswers(consumer, window);
    else if (which !== isOnOwnThread && window.mayConfirm) void this.#confirm(consumer, window);
    if (window.mayResume) this.resume(consumer);
  }

  /** Takes back what a connection has in flight, so that it is delivered again in order. */
  #release(consumer: Consumer, which: (delivery: InFlightDelivery<Consumer>) => boolean): void {
    const released = [...(this.#windows.get(consumer)?.inFlight ?? [])].filter(which);
    for (const delivery of released) {
      this.#complete(delivery);
      this.#record(delivery);
      if (!this.#suspects.has(delivery.message.seq)) this.#reader.hold(delivery.message.seq);
    }
    if (released.length > 0 && this.connected) this.#reader.resume();
  }

  #record(delivery: InFlightDelivery<Consumer>): void {
    const recording = this.#inbox
      .recordAttempts(this.did, delivery.message.seq, delivery.attempt)
      .catch((error: unknown) => this.#events.onFailure(error));
    this.#reader.wroteToo(recording);
  }

  #bury(message: InboxMessage, cause: DeadLetterCause): void {
    this.#remove(message.seq);
    this.#events.onDead(message, cause);
  }

  /** Removes a message from the inbox, together with the others of this turn of the event loop. */
  #remove(seq: number): void {
    this.#suspects.settled(seq);
    this.#passedBy.delete(seq);
    this.#leaving.set(seq, true);
    if (this.#toSettle.push(seq) > 1) return;
    setImmediate(() => void this.#flushSettled());
  }

  async #flushSettled(): Promise<void> {
    const seqs = this.#toSettle;
    this.#toSettle = [];
    try {
      await this.#inbox.settle(this.did, seqs);
    } catch (error) {
      this.#events.onFailure(error);
    }
    for (const seq of seqs) this.#leaving.delete(seq);
  }
}

function isOnOwnThread({ onOwnThread }: InFlightDelivery<Consumer>): boolean {
  return onOwnThread;
}

/** Whether a message continues a thread. */
function isAnswer({ id, thread }: Pick<InboxMessage, "id" | "thread">): boolean {
  return thread !== undefined && thread !== id;
}
