import { deferred, type Deferred } from "@parley/core/internal";

/** Told what becomes of an envelope that was delivered: for a port that keeps envelopes until they are settled. */
export interface EnvelopeKeeper {
  /**
   * All who got the envelope are done with it: it needs not be kept any more, wherever it is. {@link ReceivedEnvelope.settle} resolves with
   * this, or throws what this throws.
   */
  settled(): Promise<void> | void;
  /**
   * A subscriber has ended without settling it. Keep it in its place, before all that came later, and deliver the same object again once
   * the fan-out wants it.
   */
  left(): void;
}

const KEEPS_NOTHING: EnvelopeKeeper = { settled: () => undefined, left: () => undefined };

/** What has become of one envelope at each of those who got it. */
export class Delivery<Taker extends object> {
  readonly #keeper: EnvelopeKeeper;
  readonly #onSettled: () => void;
  /** Who got it, ever: nobody gets it twice. */
  readonly #takers = new WeakSet<Taker>();
  /** Who isn't done with it. */
  readonly #open = new Set<Taker>();
  /** Who has ended without settling it, since it was last delivered. */
  readonly #left = new Set<Taker>();
  #round: Deferred<void> | undefined;

  constructor(keeper: EnvelopeKeeper = KEEPS_NOTHING, onSettled: () => void) {
    this.#keeper = keeper;
    this.#onSettled = onSettled;
  }

  had(taker: Taker): boolean {
    return this.#takers.has(taker);
  }

  /** It is for these now, and no longer for the next who comes. */
  begin(takers: readonly Taker[]): void {
    this.#left.clear();
    for (const taker of takers) {
      this.#takers.add(taker);
      this.#open.add(taker);
    }
  }

  /**
   * A taker is done with it, even if it has left it before. Resolves when all are and that is known for good, or when one of them has
   * left it: then it is for the next who comes to settle it.
   */
  settle(taker: Taker): Promise<void> {
    const round = (this.#round ??= silent());
    if (this.#open.delete(taker) || this.#left.delete(taker)) this.#check(round);
    return round.promise;
  }

  /** A taker has ended without being done with it. */
  leave(taker: Taker): void {
    if (!this.#open.delete(taker)) return;
    this.#left.add(taker);
    if (this.#left.size === 1) this.#keeper.left();
    this.#check((this.#round ??= silent()));
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

/** A promise that need not be awaited: the keeper knows of its own failures. */
function silent(): Deferred<void> {
  const turn = deferred<void>();
  turn.promise.catch(() => undefined);
  return turn;
}
