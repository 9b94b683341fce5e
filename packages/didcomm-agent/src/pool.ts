import { Fifo } from "@parley/core/eager";

/**
 * A task of a {@link Pool}. Its slot is free for the next task when it calls `release`, or else when it has ended. It must not throw, nor
 * release before it has awaited something.
 */
export type Task = (release: () => void) => Promise<void>;

/** Runs tasks in the order they came, a bounded number at a time, not counting those that have released their room. */
export class Pool {
  readonly #maxActive: number;
  readonly #maxQueued: number;
  #active = 0;
  /** Tasks that go on without room. */
  #released = 0;
  readonly #queue = new Fifo<Task>();
  #whenIdle: (() => void)[] = [];

  /** @param maxQueued tasks that may wait, and tasks that may go on without room. */
  constructor(maxActive: number, maxQueued: number) {
    this.#maxActive = maxActive;
    this.#maxQueued = maxQueued;
  }

  /** Runs a task now, or once there is room; `false` if too many wait already. */
  add(task: Task): boolean {
    if (this.#active < this.#maxActive) {
      void this.#run(task);
    } else {
      if (this.#queue.size >= this.#maxQueued) return false;
      this.#queue.push(task);
    }
    return true;
  }

  /** Forgets the tasks that have not begun. */
  clear(): void {
    this.#queue.clear();
  }

  /** Resolves once no task runs. */
  idle(): Promise<void> {
    if (this.#active + this.#released === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  async #run(task: Task): Promise<void> {
    this.#active++;
    let holdsRoom = true;
    await task(() => {
      if (!holdsRoom || this.#released >= this.#maxQueued) return;
      holdsRoom = false;
      this.#released++;
      this.#free();
    });
    if (holdsRoom) this.#free();
    else this.#released--;
    if (this.#active + this.#released === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #free(): void {
    this.#active--;
    const next = this.#queue.shift();
    if (next !== undefined) void this.#run(next);
  }
}
