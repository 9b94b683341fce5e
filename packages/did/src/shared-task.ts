/** A task that several callers wait for. It is aborted once all of them have aborted. */
export class SharedTask<T> {
  readonly #abort = new AbortController();
  readonly #result: Promise<T>;
  readonly #onEnd: () => void;
  #waiting = 0;

  /** `onEnd` is called when the task ends or is aborted, possibly twice. */
  constructor(run: (signal: AbortSignal) => Promise<T>, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#result = run(this.#abort.signal).finally(onEnd);
    this.#result.catch(() => {}); // handled by the callers, if there are any left
  }

  /**
   * Waits for the result.
   *
   * @throws the reason of the signal if it is aborted first.
   */
  async wait(signal: AbortSignal | undefined): Promise<T> {
    this.#waiting += 1;
    let stop = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      const onAbort = (): void => reject(signal?.reason as Error);
      signal?.addEventListener("abort", onAbort);
      stop = () => signal?.removeEventListener("abort", onAbort);
    });
    try {
      return await Promise.race([this.#result, aborted]);
    } finally {
      stop();
      this.#waiting -= 1;
      if (this.#waiting === 0) {
        this.#onEnd();
        this.#abort.abort();
      }
    }
  }
}
