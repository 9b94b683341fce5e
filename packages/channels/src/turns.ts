/** Lets what is done under one name happen one after the other. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  async run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const turn = (before ?? Promise.resolve()).then(task);
    const over = settled(turn);
    this.#last.set(name, over);
    try {
      return await turn;
    } finally {
      if (this.#last.get(name) === over) this.#last.delete(name);
    }
  }

  /** Resolves when all turns are over that have been given out. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}

async function settled(turn: Promise<unknown>): Promise<void> {
  await Promise.allSettled([turn]);
}
