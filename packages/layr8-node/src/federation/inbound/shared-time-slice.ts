import { TimeSlice } from "@parley/core/internal";

/**
 * One time slice for several loops: in each turn of the event loop they use it up together, one step of each after the other. With a slice of its
 * own, each further loop would make all turns longer.
 */
export class SharedTimeSlice {
  readonly #slice = new TimeSlice();
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn: after all earlier calls, and in a later turn of the event loop if the slice has ended. */
  next(): Promise<void> {
    this.#last = this.#last.then(() => (this.#slice.isOver ? this.#slice.next() : undefined));
    return this.#last;
  }
}
