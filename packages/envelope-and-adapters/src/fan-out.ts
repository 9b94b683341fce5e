import type { ReceivedEnvelope, ReceiveOptions } from "./port.ts";
import type { BufferLimits } from "./internal/bounded-queue.ts";
import { Delivery, type EnvelopeKeeper } from "./internal/delivery.ts";
import { Subscription } from "./internal/subscription.ts";

/**
 * Hands each inbound envelope to every subscriber that asked for its protocol: the receiving half of an {@link EnvelopePort}, for those
 * who implement one.
 *
 * A port that keeps what it has received until it is settled gives an {@link EnvelopeKeeper} along. Without one, what a subscriber leaves
 * unsettled is lost.
 *
 * @example
 * ```ts
 * import { Envelope, EnvelopeFanOut, type EnvelopePort } from "@parley/envelope-and-adapters";
 *
 * function portOf(socket: { send(data: Uint8Array): Promise<void>; inbound: AsyncIterable<Uint8Array> }): EnvelopePort {
 *   const fanOut = new EnvelopeFanOut();
 *   void (async () => {
 *     try {
 *       for await (const data of socket.inbound) await fanOut.deliver({ envelope: Envelope.wrap(data) });
 *       fanOut.end();
 *     } catch (error) {
 *       fanOut.fail(error);
 *     }
 *   })();
 *   return { send: (envelope) => socket.send(envelope.serialize()), receive: (options) => fanOut.receive(options) };
 * }
 * ```
 */
export class EnvelopeFanOut {
  readonly #subscriptions = new Set<Subscription>();
  readonly #deliveries = new WeakMap<ReceivedEnvelope, Delivery<Subscription>>();
  readonly #limits: BufferLimits;
  #outcome: { readonly error?: unknown } | undefined;

  /** `limits` is how much each subscription buffers, what it has not settled included. */
  constructor(limits: BufferLimits = {}) {
    this.#limits = limits;
  }

  /**
   * Subscribes, as {@link EnvelopePort.receive} says. After the end, the iteration ends at once, or throws what it failed with.
   *
   * @throws TypeError for `settle: "manual"` with `overflow: "drop-oldest"`
   */
  receive(options: ReceiveOptions = {}): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    const subscription = new Subscription(options, this.#limits, () => this.#subscriptions.delete(subscription));
    if (this.#outcome !== undefined) subscription.finish(this.#outcome);
    else if (options.signal?.aborted !== true) this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Whether there is a subscriber who asks for it and has not had it. An envelope is the same again when it is the same object. */
  wants(received: ReceivedEnvelope): boolean {
    for (const subscription of this.#subscriptions) if (this.#isFor(subscription, received)) return true;
    return false;
  }

  /**
   * Hands an envelope to all who subscribed to its protocol, but for those who have had this very object before. Resolves once each has it
   * in its buffer, which may take as long as the slowest of them: await it before reading on. Gives how many there were; with none, the
   * envelope is not delivered, and `keeper` is not told of anything.
   *
   * @param keeper told what becomes of the envelope. That of its first delivery counts.
   */
  async deliver(received: ReceivedEnvelope, keeper?: EnvelopeKeeper): Promise<number> {
    const takers = [...this.#subscriptions].filter((subscription) => this.#isFor(subscription, received));
    if (takers.length === 0) return 0;
    const delivery = this.#deliveries.get(received) ?? new Delivery(keeper, () => this.#deliveries.delete(received));
    this.#deliveries.set(received, delivery);
    delivery.begin(takers);
    await Promise.all(takers.map((subscription) => subscription.push({ received, delivery })));
    return takers.length;
  }

  /** Ends all iterations once they have given out what is buffered. */
  end(): void {
    this.#finish({});
  }

  /** Ends all iterations at once. What they have buffered is left, as what is not settled is. */
  close(): void {
    this.#finish({}, "leave");
  }

  /** Ends all iterations with an error once they have given out what is buffered. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  #finish(outcome: { readonly error?: unknown }, buffered?: "leave"): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    for (const subscription of this.#subscriptions) subscription.finish(outcome, buffered);
    this.#subscriptions.clear();
  }

  #isFor(subscription: Subscription, received: ReceivedEnvelope): boolean {
    return subscription.wants(received.envelope.protocol) && this.#deliveries.get(received)?.had(subscription) !== true;
  }
}
