import { Fifo } from "@parley/core/internal";

/** Somebody who takes slots when there are some. */
interface Taker {
  serve(): void;
}

/** Permission for a limited number of things at the same time, shared by many takers in turns. */
export class Slots {
  readonly #turns = new Fifo<Taker>();
  readonly #waiting = new Set<Taker>();
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** Takes one. If there is none, the taker is served when one is given back and its turn has come. */
  take(taker: Taker): boolean {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    if (!this.#waiting.has(taker)) {
      this.#waiting.add(taker);
      this.#turns.push(taker);
    }
    return false;
  }

  give(): void {
    this.#free += 1;
    // A taker that takes none, because it needs none any more, leaves the slot to the next one.
    while (this.#free > 0) {
      const taker = this.#turns.shift();
      if (taker === undefined) return;
      this.#waiting.delete(taker);
      taker.serve();
    }
  }
}
