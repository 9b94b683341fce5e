/** Well below 20 ms, after which other connections notice. */
const SLICE_MS = 8;

/**
 * Yields to the event loop during a long computation: check `isOver` between its steps.
 *
 * @example
 * ```ts
 * import { TimeSlice } from "@parley/core/internal";
 *
 * async function total(rows: Iterable<number>): Promise<number> {
 *   const slice = new TimeSlice();
 *   let sum = 0;
 *   for (const row of rows) {
 *     sum += row;
 *     if (slice.isOver) await slice.next();
 *   }
 *   return sum;
 * }
 * ```
 */
export class TimeSlice {
  #startedAt = performance.now();

  /** Whether this slice's time is used up. */
  get isOver(): boolean {
    return performance.now() - this.#startedAt >= SLICE_MS;
  }

  /** Resolves in a later turn of the event loop, after waiting I/O was served; starts a new slice. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => void (typeof setImmediate === "function" ? setImmediate(resolve) : setTimeout(resolve, 0)));
    this.#startedAt = performance.now();
  }
}
