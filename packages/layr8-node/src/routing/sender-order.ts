/** Messages of one sender that may wait for one whose credentials are being verified. */
const MAX_WAITING = 1024;

/**
 * Keeps the order of each sender's messages while something about one of them has to be found out first: those that come after it wait
 * for it. A sender with nothing under way costs nothing.
 */
export class SenderOrder {
  readonly #waiting = new Map<string, { last: Promise<void>; count: number }>();

  /** Whether messages of this sender have to queue. */
  isWaiting(sender: string): boolean {
    return this.#waiting.size > 0 && this.#waiting.has(sender);
  }

  /** Whether one more message of this sender is one too many. */
  isFull(sender: string): boolean {
    return (this.#waiting.get(sender)?.count ?? 0) >= MAX_WAITING;
  }

  /**
   * Calls `take` with what `ready` resolves to, after every earlier call for the same sender. The next one's turn comes when `take` has
   * returned, not when what it returned resolves.
   */
  enqueue<T, R>(sender: string, ready: Promise<T>, take: (value: T) => R | Promise<R>): Promise<R> {
    const line = this.#waiting.get(sender) ?? { last: Promise.resolve(), count: 0 };
    this.#waiting.set(sender, line);
    line.count++;
    // It may fail before its turn; its caller is told then.
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
