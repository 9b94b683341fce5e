import { deferred, MAX_TIMER_MS } from "@parley/core/internal";

/** What may end a piece of work before it is done. */
export interface Bounds {
  readonly signals: readonly (AbortSignal | undefined)[];
  /** Milliseconds after which the work is rejected with what `onTimeout` gives. */
  readonly timeoutMs: number;
  readonly onTimeout: () => Error;
}

/**
 * Runs something with a signal that fires when one of the others does, or when its time is over. That signal's reason is the rejection, at
 * once: what the work comes to after that is dropped.
 */
export async function bounded<T>({ signals, timeoutMs, onTimeout }: Bounds, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const inner = new AbortController();
  const aborted = deferred<never>();
  inner.signal.addEventListener("abort", () => aborted.reject(inner.signal.reason), { once: true });
  const sources = signals.filter((signal) => signal !== undefined);
  for (const source of sources) source.throwIfAborted();
  const listeners = sources.map((source) => ({ source, listener: (): void => inner.abort(source.reason) }));
  for (const { source, listener } of listeners) source.addEventListener("abort", listener, { once: true });
  const timer = setTimeout(() => inner.abort(onTimeout()), Math.min(timeoutMs, MAX_TIMER_MS));
  try {
    return await Promise.race([run(inner.signal), aborted.promise]);
  } catch (error) {
    throw inner.signal.aborted ? inner.signal.reason : error;
  } finally {
    clearTimeout(timer);
    for (const { source, listener } of listeners) source.removeEventListener("abort", listener);
  }
}
