/** Runs one task at a time, in the order of the calls. */
export class Mutex {
  #isBusy = false;
  readonly #waiting: (() => void)[] = [];

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#isBusy) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    this.#isBusy = true;
    try {
      return await task();
    } finally {
      // The mutex stays busy while it is handed over, so that no new task can overtake the waiting one.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#isBusy = false;
    }
  }
}
