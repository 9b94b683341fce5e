import type { ReceivedEnvelope, ReceiveOptions } from "./port.ts";
import type { BufferLimits } from "./internal/bounded-queue.ts";
import { Subscription } from "./internal/subscription.ts";

/**
 * Hands each inbound envelope to every subscriber that asked for its protocol: the receiving half of an {@link EnvelopePort}, for those
 * who implement one.
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
  readonly #limits: BufferLimits;
  #outcome: { readonly error?: unknown } | undefined;

  /** `limits` is how much each subscription buffers. */
  constructor(limits: BufferLimits = {}) {
    this.#limits = limits;
  }

  /** Subscribes, as {@link EnvelopePort.receive} says. After the end, the iteration ends at once, or throws what it failed with. */
  receive(options: ReceiveOptions = {}): AsyncIterableIterator<ReceivedEnvelope, undefined> {
    const subscription = new Subscription(options, this.#limits, () => this.#subscriptions.delete(subscription));
    if (this.#outcome !== undefined) subscription.finish(this.#outcome);
    else if (options.signal?.aborted !== true) this.#subscriptions.add(subscription);
    return subscription;
  }

  /**
   * Hands an envelope to all who subscribed to its protocol. Resolves once each has it in its buffer, which may take as long as the
   * slowest of them: await it before reading on. Gives how many there were; with none, the envelope is lost.
   */
  async deliver(received: ReceivedEnvelope): Promise<number> {
    const takers = [...this.#subscriptions].filter((subscription) => subscription.wants(received.envelope.protocol));
    await Promise.all(takers.map((subscription) => subscription.push(received)));
    return takers.length;
  }

  /** Ends all iterations once they have given out what is buffered. */
  end(): void {
    this.#finish({});
  }

  /** Ends all iterations with an error once they have given out what is buffered. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  #finish(outcome: { readonly error?: unknown }): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    for (const subscription of this.#subscriptions) subscription.finish(outcome);
    this.#subscriptions.clear();
  }
}
