/** Runs one task at a time, in the order in which they came; at once when there is none before. */
export class Mutex {
  #isBusy = false;
  readonly #waiting: (() => void)[] = [];

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#isBusy) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    this.#isBusy = true;
    try {
      return await task();
    } finally {
      // Whoever waits longest takes over while it is still busy, so that nobody comes between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#isBusy = false;
    }
  }
}
