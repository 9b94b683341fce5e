/** One piece of work that several callers wait for. It is aborted when the last of them has given up. */
export class Flight<T> {
  readonly #abandon = new AbortController();
  readonly #result: Promise<T>;
  readonly #onEnd: () => void;
  #waiting = 0;

  /** `onEnd` is called when the work is done or given up, possibly twice. */
  constructor(run: (abandoned: AbortSignal) => Promise<T>, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#result = run(this.#abandon.signal).finally(onEnd);
    this.#result.catch(() => {}); // each caller is told; nobody may be left to tell
  }

  /** The result, or the signal's reason if it fires before. */
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
        this.#abandon.abort();
      }
    }
  }
}
