/** Runs one task at a time, in the order in which they came; at once when there is none before. */
export class Mutex {
  #last: Promise<unknown> | undefined;

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last === undefined ? attempt(task) : this.#last.then(task, task);
    this.#last = result;
    void this.#settle(result);
    return result;
  }

  async #settle(result: Promise<unknown>): Promise<void> {
    await Promise.allSettled([result]);
    if (this.#last === result) this.#last = undefined;
  }
}

/** A task whose throw is a rejection too. */
async function attempt<T>(task: () => Promise<T>): Promise<T> {
  return task();
}
