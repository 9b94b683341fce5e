/** Runs one task at a time, in the order in which they came; at once when there is none before. */
export class Mutex {
  #last: Promise<unknown> | undefined;

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last === undefined ? attempt(task) : this.#last.then(task, task);
    this.#last = result;
    const done = (): void => {
      if (this.#last === result) this.#last = undefined;
    };
    result.then(done, done);
    return result;
  }
}

/** A task whose throw is a rejection too. */
async function attempt<T>(task: () => Promise<T>): Promise<T> {
  return task();
}
