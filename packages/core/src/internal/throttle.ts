/** Runs a task at most once in an interval, such as a line of a log that strangers cause. */
export class Throttle {
  readonly #intervalMs: number;
  readonly #now: () => number;
  #ranAt = -Infinity;
  #omitted = 0;

  constructor(intervalMs: number, now: () => number = () => performance.now()) {
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  /** @param task is given the number of calls since it last ran that were omitted. */
  run(task: (omitted: number) => void): void {
    const now = this.#now();
    if (now - this.#ranAt < this.#intervalMs) {
      this.#omitted += 1;
      return;
    }
    const omitted = this.#omitted;
    this.#ranAt = now;
    this.#omitted = 0;
    task(omitted);
  }
}
