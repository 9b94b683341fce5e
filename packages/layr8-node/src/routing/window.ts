import { TransientMap } from "@parley/core/internal";
import type { InboxMessage } from "../inbox/inbox.ts";

/** One delivery that the agent has not acknowledged yet. */
export interface InFlightDelivery<C> {
  readonly message: InboxMessage;
  readonly consumer: C;
  /** Which delivery of the message this is, from 1. */
  readonly attempt: number;
  readonly deliveredAt: number;
  /** When it counts as failed and is delivered again. */
  readonly dueAt: number;
  /** It came on a thread of this connection's: it may be an answer to a request, and older SDKs don't acknowledge those. */
  readonly onOwnThread: boolean;
  /** It needs no acknowledgement: the agent has no handler for it, and acknowledges no answers. */
  readonly answersConsumer: boolean;
  /** How many messages the DID's agents had sent before the delivery. See `ThreadRoutes.count`. */
  readonly spokenBefore: number;
  /** Connections that passed on it. */
  readonly passedBy: ReadonlySet<C>;
}

/** How much one connection may have in flight. */
export interface WindowLimits {
  /** Messages. */
  readonly maxMessages: number;
  /** Characters of plaintext; one message may always be in flight. */
  readonly maxLength: number;
}

/** Messages that may be in flight beyond a window because they have arrived, as multiples of its limits. */
const MAX_ARRIVED = { messages: 16, length: 4 };

/** What one connection has in flight, in the order of delivery. */
export class Window<C> {
  /** By message id, which agents acknowledge by: two messages of one id are never in flight at once. */
  readonly #inFlight = new TransientMap<string, InFlightDelivery<C>>();
  readonly #limits: WindowLimits;
  /** In delivery and known to have arrived: they wait for an acknowledgement that may never come, and take no room. */
  readonly #arrived = new Set<InFlightDelivery<C>>();
  #arrivedLength = 0;
  #length = 0;
  #onOwnThread = 0;
  /** A message was held back for want of room: those behind it wait too, so that order is kept. */
  starved = false;
  /** The connection is being asked whether answers have arrived. */
  confirming = false;

  #answers = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** Whether deliveries are in flight that need no acknowledgement. */
  get awaitsAnswers(): boolean {
    return this.#answers > 0;
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

  /** Whether a message of this id is in flight: then another sender's of the same id has to wait. */
  has(id: string): boolean {
    return this.#inFlight.has(id);
  }

  add(delivery: InFlightDelivery<C>): void {
    this.#inFlight.set(delivery.message.id, delivery);
    this.#length += delivery.message.plaintext.length;
    if (delivery.onOwnThread) this.#onOwnThread += 1;
    if (delivery.answersConsumer) this.#answers += 1;
  }

  get(id: string): InFlightDelivery<C> | undefined {
    return this.#inFlight.get(id);
  }

  /** The delivery that has waited longest for its acknowledgement. */
  oldest(): InFlightDelivery<C> | undefined {
    let answer: InFlightDelivery<C> | undefined;
    for (const [, delivery] of this.#inFlight) {
      if (!delivery.answersConsumer) return delivery;
      answer ??= delivery;
    }
    return answer;
  }

  remove(delivery: InFlightDelivery<C>): void {
    if (this.#inFlight.get(delivery.message.id) !== delivery) return;
    this.#inFlight.delete(delivery.message.id);
    if (delivery.answersConsumer) this.#answers -= 1;
    const { length } = delivery.message.plaintext;
    if (this.#arrived.delete(delivery)) {
      this.#arrivedLength -= length;
      return;
    }
    this.#length -= length;
    if (delivery.onOwnThread) this.#onOwnThread -= 1;
  }

  /** A delivery is known to have arrived: it takes no room any more, unless there are too many of these. */
  arrived(delivery: InFlightDelivery<C>): void {
    const { maxMessages, maxLength } = this.#limits;
    const { length } = delivery.message.plaintext;
    if (this.#inFlight.get(delivery.message.id) !== delivery || this.#arrived.has(delivery)) return;
    if (this.#arrived.size >= MAX_ARRIVED.messages * maxMessages) return;
    if (this.#arrivedLength + length > MAX_ARRIVED.length * maxLength) return;
    this.#arrived.add(delivery);
    this.#arrivedLength += length;
    this.#length -= length;
    this.#onOwnThread -= 1;
  }

  /** Whether room may be won by asking what has arrived. */
  get mayConfirm(): boolean {
    return this.starved && this.#onOwnThread > 0 && !this.confirming;
  }

  /** Whether enough has drained for messages that were held back. */
  get mayResume(): boolean {
    return this.starved && this.#size <= this.#limits.maxMessages / 2 && this.#length <= this.#limits.maxLength / 2;
  }

  get #size(): number {
    return this.#inFlight.size - this.#arrived.size;
  }
}
