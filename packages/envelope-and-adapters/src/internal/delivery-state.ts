import { deferred, type Deferred } from "@parley/core/internal";

/** Callbacks of a port that keeps envelopes until they are settled. */
export interface EnvelopeKeeper {
  /**
   * Called when all subscribers have settled the envelope: it can be deleted. {@link ReceivedEnvelope.settle} resolves or rejects with the
   * result.
   */
  settled(): Promise<void> | void;
  /**
   * Called when a subscriber has ended without settling the envelope. Keep it in its order, and deliver the same object again once
   * the fan-out `wants` it.
   */
  left(): void;
}

const NO_KEEPER: EnvelopeKeeper = { settled: () => undefined, left: () => undefined };

/** Tracks which subscribers have received, settled or left one envelope. */
export class DeliveryState<Subscriber extends object> {
  readonly #keeper: EnvelopeKeeper;
  readonly #onSettled: () => void;
  /** All that have received it: none receives it twice. */
  readonly #subscribers = new WeakSet<Subscriber>();
  /** Those that have not settled it. */
  readonly #open = new Set<Subscriber>();
  /** Those that have ended without settling it since the last delivery. */
  readonly #left = new Set<Subscriber>();
  #round: Deferred<void> | undefined;

  constructor(keeper: EnvelopeKeeper = NO_KEEPER, onSettled: () => void) {
    this.#keeper = keeper;
    this.#onSettled = onSettled;
  }

  had(subscriber: Subscriber): boolean {
    return this.#subscribers.has(subscriber);
  }

  /** Records a delivery to these subscribers. */
  begin(subscribers: readonly Subscriber[]): void {
    this.#left.clear();
    for (const subscriber of subscribers) {
      this.#subscribers.add(subscriber);
      this.#open.add(subscriber);
    }
  }

  /**
   * Settles the envelope for a subscriber, even if that has left it before. Resolves when all have settled it and the keeper has completed, or
   * when another subscriber has left it: then the next subscriber must settle it.
   */
  settle(subscriber: Subscriber): Promise<void> {
    const round = (this.#round ??= deferredWithoutRejection());
    if (this.#open.delete(subscriber) || this.#left.delete(subscriber)) this.#check(round);
    return round.promise;
  }

  /** Called when a subscriber has ended without settling it. */
  leave(subscriber: Subscriber): void {
    if (!this.#open.delete(subscriber)) return;
    this.#left.add(subscriber);
    if (this.#left.size === 1) this.#keeper.left();
    this.#check((this.#round ??= deferredWithoutRejection()));
  }

  #check(round: Deferred<void>): void {
    if (this.#open.size > 0) return;
    if (this.#left.size > 0) {
      this.#round = undefined;
      round.resolve();
      return;
    }
    this.#onSettled();
    void this.#settled(round);
  }

  async #settled(round: Deferred<void>): Promise<void> {
    try {
      await this.#keeper.settled();
      round.resolve();
    } catch (error) {
      round.reject(error);
    }
  }
}

/** Its rejection may be unhandled, because the keeper knows its own failures. */
function deferredWithoutRejection(): Deferred<void> {
  const result = deferred<void>();
  result.promise.catch(() => undefined);
  return result;
}
