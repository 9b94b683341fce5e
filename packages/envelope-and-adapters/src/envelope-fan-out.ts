import type { ReceivedEnvelope, ReceiveOptions } from "./port.ts";
import type { BufferLimits } from "./internal/bounded-queue.ts";
import { DeliveryState, type EnvelopeKeeper } from "./internal/delivery-state.ts";
import { Subscription } from "./internal/subscription.ts";

/**
 * Delivers each inbound envelope to all subscribers of its protocol: the receiving half of an {@link EnvelopePort}, for implementers of ports.
 *
 * A port that keeps envelopes until they are settled passes an {@link EnvelopeKeeper} with each. Without one, envelopes that a subscriber
 * leaves unsettled are lost.
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
  readonly #deliveries = new WeakMap<ReceivedEnvelope, DeliveryState<Subscription>>();
  readonly #limits: BufferLimits;
  #outcome: { readonly error?: unknown } | undefined;

  /** @param limits the buffer of each subscription, including its unsettled envelopes */
  constructor(limits: BufferLimits = {}) {
    this.#limits = limits;
  }

  /**
   * Subscribes, see {@link EnvelopePort.receive}. After {@link end} or {@link fail}, the iteration ends at once or throws the error.
   *
   * @throws TypeError for `settle: "manual"` with `overflow: "drop-oldest"`
   */
  receive(options: ReceiveOptions = {}): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    const subscription = new Subscription(options, this.#limits, () => this.#subscriptions.delete(subscription));
    if (this.#outcome !== undefined) subscription.finish(this.#outcome);
    else if (options.signal?.aborted !== true) this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Whether a subscriber of its protocol has not received this envelope yet. Envelopes are compared by identity. */
  wants(received: ReceivedEnvelope): boolean {
    for (const subscription of this.#subscriptions) if (this.#isFor(subscription, received)) return true;
    return false;
  }

  /**
   * Delivers an envelope to all subscribers of its protocol that have not received this object before. Resolves once it is in all their
   * buffers; await it before reading on, for back-pressure. Returns their number. If it is 0, the envelope was not delivered, and `keeper` is
   * not called.
   *
   * @param keeper called when the envelope is settled or left unsettled. Only that of the first delivery is used.
   */
  async deliver(received: ReceivedEnvelope, keeper?: EnvelopeKeeper): Promise<number> {
    const subscribers = [...this.#subscriptions].filter((subscription) => this.#isFor(subscription, received));
    if (subscribers.length === 0) return 0;
    const delivery = this.#deliveries.get(received) ?? new DeliveryState(keeper, () => this.#deliveries.delete(received));
    this.#deliveries.set(received, delivery);
    delivery.begin(subscribers);
    await Promise.all(subscribers.map((subscription) => subscription.push({ received, delivery })));
    return subscribers.length;
  }

  /** Ends all iterations after their buffered envelopes. */
  end(): void {
    this.#finish({});
  }

  /** Ends all iterations at once. Buffered envelopes are left unsettled. */
  close(): void {
    this.#finish({}, "leave");
  }

  /** Ends all iterations with an error after their buffered envelopes. */
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
