import { Fifo } from "./fifo.ts";

/**
 * A queue between a producer that pushes and one consumer that iterates. Items that were pushed before `end` or `fail` are still
 * delivered. Unbounded: the producer limits the number of items.
 */
export class AsyncQueue<T> implements AsyncIterable<T> {
  readonly #items = new Fifo<T>();
  #waiting: { resolve(result: IteratorResult<T, undefined>): void; reject(error: unknown): void } | undefined;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;

  /** How many items wait for the consumer. */
  get size(): number {
    return this.#items.size;
  }

  /** Adds an item; after the end it is dropped. */
  push(item: T): void {
    if (this.#ended) return;
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#items.push(item);
    } else {
      this.#waiting = undefined;
      waiting.resolve({ done: false, value: item });
    }
  }

  /** Ends the iteration once the consumer has taken what is queued. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting?.resolve({ done: true, value: undefined });
    this.#waiting = undefined;
  }

  /** Ends the iteration with an error once the consumer has taken what is queued. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#waiting === undefined) this.#failure = { error };
    else this.#waiting.reject(error);
    this.#waiting = undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.end();
        this.#items.clear();
        this.#failure = undefined;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #next(): Promise<IteratorResult<T, undefined>> {
    if (this.size > 0) {
      const value = this.#items.shift() as T;
      return Promise.resolve({ done: false, value });
    }
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    if (this.#waiting !== undefined) return Promise.reject(new TypeError("This queue has one consumer, which is waiting already"));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }
}
