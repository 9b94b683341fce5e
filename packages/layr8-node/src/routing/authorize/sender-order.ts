/** Maximum number of messages of one sender that wait for a verification. */
const MAX_WAITING = 1024;

/**
 * Preserves the order of each sender's messages while one of them waits for a verification. A sender without pending messages uses no
 * memory.
 */
export class SenderOrder {
  readonly #waiting = new Map<string, { last: Promise<void>; count: number }>();

  /** Whether messages of this sender must queue. */
  isWaiting(sender: string): boolean {
    return this.#waiting.size > 0 && this.#waiting.has(sender);
  }

  /** Whether the sender's queue is full. */
  isFull(sender: string): boolean {
    return (this.#waiting.get(sender)?.count ?? 0) >= MAX_WAITING;
  }

  /**
   * Calls `take` with the value of `ready`, after all earlier calls for the same sender. The next call runs when `take` has returned, not
   * when its promise resolves.
   */
  enqueue<T, R>(sender: string, ready: Promise<T>, take: (value: T) => R | Promise<R>): Promise<R> {
    const line = this.#waiting.get(sender) ?? { last: Promise.resolve(), count: 0 };
    this.#waiting.set(sender, line);
    line.count++;
    // It may reject before its turn; the caller gets the error then.
    ready.catch(() => undefined);
    const turn = line.last.then(() => ready).then((value) => ({ result: take(value) }));
    const left = (): void => {
      line.count--;
      if (line.count === 0) this.#waiting.delete(sender);
    };
    line.last = turn.then(left, left);
    return turn.then(({ result }) => result);
  }
}
