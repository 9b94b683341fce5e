/** Runs tasks with the same key one after the other, in the order of the calls; tasks with different keys run concurrently. */
export class KeyedMutex<Key = string> {
  /** The end of the last task of each key. */
  readonly #last = new Map<Key, Promise<void>>();

  /** Runs a task when all earlier ones with its key have ended, by success or failure. Resolves or rejects as the task does. */
  async run<T>(key: Key, task: () => Promise<T>): Promise<T> {
    const earlier = this.#last.get(key);
    const result = earlier === undefined ? task() : earlier.then(task);
    const ended = result.then(ignore, ignore);
    this.#last.set(key, ended);
    try {
      return await result;
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    }
  }

  /** Resolves when every task that has been passed to {@link KeyedMutex.run} so far has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}

function ignore(): void {}
