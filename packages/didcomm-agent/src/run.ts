import type { Delivery, Message, MessageContext, Outcome } from "@parley/core";

export const HANDLED: Outcome = { status: "handled" };
export const PASS_OUTCOME: Outcome = { status: "pass" };

/** A message on its way through its handler, with the latest of its deliveries: after a reconnect only that one reaches the node. */
export class Run {
  readonly key: string;
  readonly message: Message;
  readonly context: MessageContext | undefined;
  /** The DID that the message came to, and that answers. */
  readonly did: string;
  /** Whether it has left the queue. */
  started = false;
  #delivery: Delivery;
  #outcome: Outcome | undefined;

  constructor(key: string, message: Message, context: MessageContext | undefined, did: string, delivery: Delivery) {
    this.key = key;
    this.message = message;
    this.context = context;
    this.did = did;
    this.#delivery = delivery;
  }

  get delivery(): Delivery {
    return this.#delivery;
  }

  /** Whether the node was told already. */
  get settled(): boolean {
    return this.#outcome !== undefined;
  }

  /** Tells the node, the first time it is called. Gives what the node was told. */
  settle(outcome: Outcome): Outcome {
    if (this.#outcome === undefined) {
      this.#outcome = outcome;
      this.#delivery.settle(outcome);
    }
    return this.#outcome;
  }

  /** Takes in another delivery of the same message. */
  redelivered(delivery: Delivery): void {
    this.#delivery = delivery;
    if (this.#outcome !== undefined) delivery.settle(this.#outcome);
  }
}
