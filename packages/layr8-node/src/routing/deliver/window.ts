import { ChurnMap } from "@parley/core/internal";
import type { InboxMessage } from "../../inbox/inbox.ts";

/** An unacknowledged delivery. */
export interface InFlightDelivery<C> {
  readonly message: InboxMessage;
  readonly consumer: C;
  /** Delivery attempt, from 1. */
  readonly attempt: number;
  readonly deliveredAt: number;
  /** Time at which it is redelivered. */
  readonly dueAt: number;
  /** Whether it is on a thread of this connection: it may be a response, which older SDKs don't acknowledge. */
  readonly onOwnThread: boolean;
  /** Whether it counts as handled once received: the agent has no handler for it, and doesn't acknowledge responses. */
  readonly handledOnReceipt: boolean;
  /** Number of messages that the DID's agents had sent before the delivery. See `ThreadRoutes.count`. */
  readonly sentBefore: number;
  /** Connections that passed on it. */
  readonly passedBy: ReadonlySet<C>;
}

/** Limits on the messages in flight on one connection. */
export interface WindowLimits {
  /** Messages. */
  readonly maxMessages: number;
  /** Characters of plaintext; a single message may exceed it. */
  readonly maxLength: number;
}

/** Limits on received but unacknowledged messages, as multiples of the window's limits. */
const MAX_ARRIVED = { messages: 16, length: 4 };

/** The messages in flight on one connection, in delivery order. */
export class Window<C> {
  /** By message id, as in acknowledgements: two messages with one id are never in flight at once. */
  readonly #inFlight = new ChurnMap<string, InFlightDelivery<C>>();
  readonly #limits: WindowLimits;
  /** In delivery and known to have arrived: they wait for an acknowledgement that may never come, and take no room. */
  readonly #arrived = new ChurnMap<InFlightDelivery<C>, true>();
  #arrivedLength = 0;
  #length = 0;
  #onOwnThread = 0;
  /** A message was held for lack of room; later ones wait too, to preserve the order. */
  starved = false;
  /** A confirmation of receipt is pending. */
  confirming = false;

  #handledOnReceipt = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Whether deliveries without acknowledgement are in flight. */
  get awaitsReceipt(): boolean {
    return this.#handledOnReceipt > 0;
  }

  get inFlight(): Iterable<InFlightDelivery<C>> {
    return this.#inFlight.values();
  }

  /** Whether a message may be delivered now. If not, the window is starved until {@link Window.mayResume}. */
  takes(message: InboxMessage, writable: boolean): boolean {
    if (this.starved) return false;
    this.starved = !this.hasRoom(message, writable);
    return !this.starved;
  }

  /** Whether there is room for a message. */
  hasRoom(message: InboxMessage, writable: boolean): boolean {
    const fits = this.#size === 0 || this.#length + message.plaintext.length <= this.#limits.maxLength;
    return writable && fits && this.#size < this.#limits.maxMessages;
  }

  /** Whether a message with this id is in flight. Another sender's message with the same id must wait. */
  has(id: string): boolean {
    return this.#inFlight.has(id);
  }

  add(delivery: InFlightDelivery<C>): void {
    this.#inFlight.set(delivery.message.id, delivery);
    this.#length += delivery.message.plaintext.length;
    if (delivery.onOwnThread) this.#onOwnThread += 1;
    if (delivery.handledOnReceipt) this.#handledOnReceipt += 1;
  }

  get(id: string): InFlightDelivery<C> | undefined {
    return this.#inFlight.get(id);
  }

  /** The delivery that has waited longest for its acknowledgement. */
  oldest(): InFlightDelivery<C> | undefined {
    let received: InFlightDelivery<C> | undefined;
    for (const [, delivery] of this.#inFlight) {
      if (!delivery.handledOnReceipt) return delivery;
      received ??= delivery;
    }
    return received;
  }

  remove(delivery: InFlightDelivery<C>): void {
    if (this.#inFlight.get(delivery.message.id) !== delivery) return;
    this.#inFlight.delete(delivery.message.id);
    if (delivery.handledOnReceipt) this.#handledOnReceipt -= 1;
    const { length } = delivery.message.plaintext;
    if (this.#arrived.delete(delivery)) {
      this.#arrivedLength -= length;
      return;
    }
    this.#length -= length;
    if (delivery.onOwnThread) this.#onOwnThread -= 1;
  }

  /** Marks a delivery as received: it no longer uses the window, unless there are too many of these. */
  arrived(delivery: InFlightDelivery<C>): void {
    const { maxMessages, maxLength } = this.#limits;
    const { length } = delivery.message.plaintext;
    if (this.#inFlight.get(delivery.message.id) !== delivery || this.#arrived.has(delivery)) return;
    if (this.#arrived.size >= MAX_ARRIVED.messages * maxMessages) return;
    if (this.#arrivedLength + length > MAX_ARRIVED.length * maxLength) return;
    this.#arrived.set(delivery, true);
    this.#arrivedLength += length;
    this.#length -= length;
    this.#onOwnThread -= 1;
  }

  /** Whether confirming receipt may make room. */
  get mayConfirm(): boolean {
    return this.starved && this.#onOwnThread > 0 && !this.confirming;
  }

  /** Whether the window has drained enough to deliver held messages. */
  get mayResume(): boolean {
    return this.starved && this.#size <= this.#limits.maxMessages / 2 && this.#length <= this.#limits.maxLength / 2;
  }

  get #size(): number {
    return this.#inFlight.size - this.#arrived.size;
  }
}
