import type { InboxMessage } from "../inbox/inbox.ts";

/** One delivery that the agent has not acknowledged yet. */
export interface Flight<C> {
  readonly message: InboxMessage;
  readonly consumer: C;
  /** Which delivery of the message this is, from 1. */
  readonly attempt: number;
  readonly deliveredAt: number;
  /** When it counts as failed and is delivered again. */
  readonly dueAt: number;
  /** It answers what this connection asked, and is nothing that it has a handler for: older SDKs don't acknowledge those. */
  readonly answersConsumer: boolean;
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

/** What one connection has in flight, in the order of delivery. */
export class Window<C> {
  /** By message id, which agents acknowledge by: two messages of one id are never in flight at once. */
  readonly #flights = new Map<string, Flight<C>>();
  readonly #limits: WindowLimits;
  #length = 0;
  #answers = 0;
  /** A message was held back for want of room: those behind it wait too, so that order is kept. */
  starved = false;
  /** The connection is being asked whether answers have arrived. */
  confirming = false;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  get flights(): Iterable<Flight<C>> {
    return this.#flights.values();
  }

  /** Whether a message may be delivered now. If not, the window is starved until {@link Window.mayResume}. */
  takes(message: InboxMessage, writable: boolean): boolean {
    if (this.starved) return false;
    const room =
      writable &&
      !this.#flights.has(message.id) &&
      this.#flights.size < this.#limits.maxMessages &&
      (this.#flights.size === 0 || this.#length + message.plaintext.length <= this.#limits.maxLength);
    if (!room) this.starved = true;
    return room;
  }

  add(flight: Flight<C>): void {
    this.#flights.set(flight.message.id, flight);
    this.#length += flight.message.plaintext.length;
    if (flight.answersConsumer) this.#answers += 1;
  }

  get(id: string): Flight<C> | undefined {
    return this.#flights.get(id);
  }

  /** The delivery that has waited longest for its acknowledgement. */
  oldest(): Flight<C> | undefined {
    let answer: Flight<C> | undefined;
    for (const flight of this.#flights.values()) {
      if (!flight.answersConsumer) return flight;
      answer ??= flight;
    }
    return answer;
  }

  remove(flight: Flight<C>): void {
    if (this.#flights.get(flight.message.id) !== flight) return;
    this.#flights.delete(flight.message.id);
    this.#length -= flight.message.plaintext.length;
    if (flight.answersConsumer) this.#answers -= 1;
  }

  /** Whether room may be won by asking what has arrived. */
  get mayConfirm(): boolean {
    return this.starved && this.#answers > 0 && !this.confirming;
  }

  /** Whether enough has drained for messages that were held back. */
  get mayResume(): boolean {
    return this.starved && this.#flights.size <= this.#limits.maxMessages / 2 && this.#length <= this.#limits.maxLength / 2;
  }
}
