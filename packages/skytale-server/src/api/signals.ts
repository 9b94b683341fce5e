/** Wakes those who wait for news about something. */
export class Signals {
  readonly #waiting = new Map<string, Set<() => void>>();
  #closed = false;

  /** Calls that wait now. */
  get size(): number {
    let size = 0;
    for (const waiting of this.#waiting.values()) size += waiting.size;
    return size;
  }

  notify(topic: string): void {
    for (const wake of this.#waiting.get(topic) ?? []) wake();
  }

  /**
   * Asks until there is an answer, the time is over or the one who asked is gone; then gives the last answer.
   *
   * @param ask asked at once, at every notification of the topic, and each `recheckMs`: news may come from another process.
   * @param isNews whether an answer is worth coming back with.
   */
  async until<T>(
    topic: string,
    {
      ask,
      isNews,
      waitMs,
      recheckMs,
      signal,
    }: {
      readonly ask: () => Promise<T>;
      readonly isNews: (answer: T) => boolean;
      readonly waitMs: number;
      readonly recheckMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<T> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      // Who waits is there before the question is asked: no news falls between both.
      const waiter = this.#wait(topic, signal);
      try {
        const answer = await ask();
        const leftMs = deadline - performance.now();
        if (isNews(answer) || leftMs <= 0 || signal.aborted || this.#closed) return answer;
        await waiter.woken(Math.min(leftMs, recheckMs));
      } finally {
        waiter.end();
      }
    }
  }

  /** Lets all who wait come back with what there is, and nobody wait any more. */
  close(): void {
    this.#closed = true;
    for (const topic of this.#waiting.keys()) this.notify(topic);
  }

  #wait(topic: string, signal: AbortSignal): { woken(ms: number): Promise<void>; end(): void } {
    const waiting = this.#waiting.get(topic) ?? new Set();
    this.#waiting.set(topic, waiting);
    let wake: () => void = () => undefined;
    let timer: NodeJS.Timeout | undefined;
    const called = new Promise<void>((resolve) => {
      wake = resolve;
    });
    waiting.add(wake);
    signal.addEventListener("abort", wake);
    return {
      woken: async (ms) => {
        timer = setTimeout(wake, ms);
        await called;
      },
      end: () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        waiting.delete(wake);
        if (waiting.size === 0 && this.#waiting.get(topic) === waiting) this.#waiting.delete(topic);
      },
    };
  }
}
