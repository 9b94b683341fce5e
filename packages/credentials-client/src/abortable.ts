/** What ends a piece of work before it is done. */
export interface Bounds {
  readonly signals: readonly (AbortSignal | undefined)[];
  /** Milliseconds after which `onTimeout` says what the work is rejected with. */
  readonly timeoutMs?: number;
  readonly onTimeout?: () => Error;
}

/**
 * Runs something until it is done, one of the signals fires, or its time is over, whether or not it heeds its own signal; that one is
 * aborted in the end in any case. The promise is rejected with the reason of whatever ended it.
 */
export async function abortable<T>(bounds: Bounds, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeoutMs, onTimeout = () => new Error("timeout") } = bounds;
  const signals = bounds.signals.filter((signal) => signal !== undefined);
  for (const signal of signals) signal.throwIfAborted();
  const inner = new AbortController();
  let stop = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    const end = (reason: unknown): void => {
      reject(reason); // first, so that no rejection of the aborted work comes before it
      inner.abort(reason);
    };
    const listeners = signals.map((signal) => ({ signal, listener: (): void => end(signal.reason) }));
    for (const { signal, listener } of listeners) signal.addEventListener("abort", listener);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => end(onTimeout()), timeoutMs);
    stop = () => {
      clearTimeout(timer);
      for (const { signal, listener } of listeners) signal.removeEventListener("abort", listener);
    };
  });
  try {
    return await Promise.race([run(inner.signal), stopped]);
  } finally {
    stop();
    inner.abort();
  }
}
