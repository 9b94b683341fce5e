import { Fifo } from "@parley/core/internal";

/** Acquires slots whenever some are free. */
interface Waiter {
  dispatch(): void;
}

/** Limits how many operations run at the same time. Waiters are served in the order in which they found it exhausted. */
export class Semaphore {
  readonly #queue = new Fifo<Waiter>();
  readonly #waiting = new Set<Waiter>();
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** Acquires one slot. If none is free, returns false, and calls `waiter.dispatch` when a slot has been released and it is its turn. */
  tryAcquire(waiter: Waiter): boolean {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    if (!this.#waiting.has(waiter)) {
      this.#waiting.add(waiter);
      this.#queue.push(waiter);
    }
    return false;
  }

  release(): void {
    this.#free += 1;
    // A waiter that no longer needs a slot acquires none: the next one gets it.
    while (this.#free > 0) {
      const waiter = this.#queue.shift();
      if (waiter === undefined) return;
      this.#waiting.delete(waiter);
      waiter.dispatch();
    }
  }
}
