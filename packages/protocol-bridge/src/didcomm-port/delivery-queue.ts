import { deferred, type Deferred } from "@parley/core/internal";
import { EnvelopeFanOut, type ReceivedEnvelope, type ReceiveOptions } from "@parley/envelope-and-adapters";

interface PendingDelivery {
  /** Position in the order of arrival. */
  readonly position: number;
  readonly received: ReceivedEnvelope;
  readonly done: Deferred<"settled" | "unsettled">;
}

/** The receiving half of a port on an agent: envelopes wait, in order, for a subscriber, and again if it leaves them unsettled. */
export class DeliveryQueue {
  readonly #fanOut = new EnvelopeFanOut();
  /** Envelopes without a subscriber, in order. Bounded by the node, which limits the unacknowledged messages of a connection. */
  readonly #waiting: PendingDelivery[] = [];
  readonly #pending = new Set<PendingDelivery>();
  #last = 0;
  #isDelivering = false;

  receive(options?: ReceiveOptions): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    const subscription = this.#fanOut.receive(options);
    void this.#deliverWaiting();
    return subscription;
  }

  /** Adds an envelope. Resolves when it is settled, or when the queue is closed before that. */
  async deliver(received: ReceivedEnvelope): Promise<"settled" | "unsettled"> {
    const pending: PendingDelivery = { position: ++this.#last, received, done: deferred() };
    this.#pending.add(pending);
    this.#waiting.push(pending);
    void this.#deliverWaiting();
    const outcome = await pending.done.promise;
    this.#pending.delete(pending);
    return outcome;
  }

  /** Ends all subscriptions. */
  close(): void {
    this.#fanOut.close();
    for (const { done } of this.#pending) done.resolve("unsettled");
  }

  async #deliverWaiting(): Promise<void> {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    for (let pending = this.#next(); pending !== undefined; pending = this.#next()) await this.#deliver(pending);
    this.#isDelivering = false;
  }

  #next(): PendingDelivery | undefined {
    const index = this.#waiting.findIndex(({ received }) => this.#fanOut.wants(received));
    return index === -1 ? undefined : this.#waiting.splice(index, 1)[0];
  }

  async #deliver(pending: PendingDelivery): Promise<void> {
    const receivers = await this.#fanOut.deliver(pending.received, {
      settled: () => pending.done.resolve("settled"),
      left: () => this.#requeue(pending),
    });
    if (receivers === 0) this.#requeue(pending);
  }

  #requeue(pending: PendingDelivery): void {
    const index = this.#waiting.findIndex(({ position }) => position > pending.position);
    this.#waiting.splice(index === -1 ? this.#waiting.length : index, 0, pending);
    void this.#deliverWaiting();
  }
}
