/** Creates a waiting call's response from a notification; `undefined` if the notification does not concern the call. */
type Take<T> = (news: unknown) => T | undefined;

interface Waiter {
  /** Without news: the call queries its state again. */
  wake(news?: unknown): void;
}

/** Calls that are woken in one turn of the event loop. */
const WAKES_PER_TURN = 16;

/**
 * Wakes calls that wait for news about a topic. `Joins` and the listener of the registry notify; long polls wait in `until`, which the routes call
 * through http/waiting.ts.
 */
export class Signals {
  readonly #waiting = new Map<string, Set<Waiter>>();
  #closed = false;

  /** Calls that wait now. */
  get size(): number {
    let size = 0;
    for (const waiting of this.#waiting.values()) size += waiting.size;
    return size;
  }

  /**
   * Notifies the waiting calls of a topic, a few at a time, so that other requests are handled between them.
   *
   * @param news passed to each call's `take`; calls that it does not concern continue to wait. Omitted: all calls query their state again.
   */
  notify(topic: string, news?: unknown): void {
    const waiting = this.#waiting.get(topic);
    if (waiting !== undefined) void wakeAll([...waiting], news);
  }

  /**
   * Queries the state until it is news, the timeout passes or the caller disconnects. Returns the last state.
   *
   * @param ask called at once, and on notifications without news.
   * @param isNews whether a state ends the wait.
   * @param take creates the response from a notification.
   */
  async until<T>(
    topic: string,
    options: {
      readonly ask: () => Promise<T>;
      readonly isNews: (state: T) => boolean;
      readonly take?: Take<T> | undefined;
      readonly waitMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<T> {
    const { ask, isNews, take = (): undefined => undefined, waitMs, signal } = options;
    const deadline = performance.now() + waitMs;
    for (;;) {
      // The waiter is registered before the query, so that no notification between the two is lost.
      const waiter = this.#wait(topic, take, signal);
      try {
        const state = await ask();
        const leftMs = deadline - performance.now();
        if (isNews(state) || leftMs <= 0 || signal.aborted || this.#closed) return state;
        const taken = await waiter.woken(leftMs);
        if (taken !== undefined) return taken;
      } finally {
        waiter.end();
      }
    }
  }

  /** Ends all waits with the current state. Later calls do not wait. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.values()) for (const waiter of waiting) waiter.wake();
  }

  #wait<T>(topic: string, take: Take<T>, signal: AbortSignal): { woken(ms: number): Promise<T | undefined>; end(): void } {
    const waiting = this.#waiting.get(topic) ?? new Set();
    this.#waiting.set(topic, waiting);
    let timer: NodeJS.Timeout | undefined;
    let resolve: (result: T | undefined) => void = () => undefined;
    const woken = new Promise<T | undefined>((resolve_) => (resolve = resolve_));
    const waiter: Waiter = {
      wake: (news) => {
        if (news === undefined) return resolve(undefined);
        const result = take(news);
        if (result !== undefined) resolve(result);
      },
    };
    const onAbort = (): void => resolve(undefined);
    waiting.add(waiter);
    signal.addEventListener("abort", onAbort);
    return {
      woken: (ms) => {
        timer = setTimeout(onAbort, ms);
        return woken;
      },
      end: () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        waiting.delete(waiter);
        if (waiting.size === 0 && this.#waiting.get(topic) === waiting) this.#waiting.delete(topic);
      },
    };
  }
}

async function wakeAll(waiters: readonly Waiter[], news: unknown): Promise<void> {
  for (const [index, waiter] of waiters.entries()) {
    if (index > 0 && index % WAKES_PER_TURN === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
    waiter.wake(news);
  }
}
