/** Runs tasks one after the other, in the order of the calls. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a task when all earlier ones have ended, by success or failure. Resolves or rejects as the task does. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when every task that has been passed to {@link Mutex.run} so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
