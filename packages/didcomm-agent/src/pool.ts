/** Runs tasks, a bounded number at a time, in the order they came. Tasks must not throw. */
export class Pool {
  readonly #maxActive: number;
  readonly #maxQueued: number;
  #active = 0;
  #queue: (() => Promise<void>)[] = [];
  #head = 0;
  #whenIdle: (() => void)[] = [];

  constructor(maxActive: number, maxQueued: number) {
    this.#maxActive = maxActive;
    this.#maxQueued = maxQueued;
  }

  /** Runs a task now, or once there is room; `false` if too many wait already. */
  add(task: () => Promise<void>): boolean {
    if (this.#active < this.#maxActive) {
      this.#active++;
      void this.#work(task);
    } else {
      if (this.#queue.length - this.#head >= this.#maxQueued) return false;
      this.#queue.push(task);
    }
    return true;
  }

  /** Forgets the tasks that have not begun. */
  clear(): void {
    this.#queue = [];
    this.#head = 0;
  }

  /** Resolves once no task runs. */
  idle(): Promise<void> {
    if (this.#active === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  async #work(first: () => Promise<void>): Promise<void> {
    for (let task: (() => Promise<void>) | undefined = first; task !== undefined; task = this.#next()) await task();
    this.#active--;
    if (this.#active === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #next(): (() => Promise<void>) | undefined {
    const task = this.#queue[this.#head++];
    if (task === undefined) this.clear();
    else if (this.#head >= 1024) {
      // The array gives back what has run, now and then rather than each time.
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    return task;
  }
}
