import { deferred } from "./deferred.ts";
import { MAX_TIMER_MS } from "./read-duration.ts";

/** Waits for a promise, or until the signal fires: then it throws the signal's reason, and the promise's outcome is dropped. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  promise.catch(() => {}); // without it, a rejection after the signal would be unhandled
  return runWithin({ signals: [signal] }, () => promise);
}

/** Limits of a task. */
export interface TaskBounds {
  readonly signals?: readonly (AbortSignal | undefined)[];
  /** Milliseconds after which the task is rejected with what `onTimeout` returns. */
  readonly timeoutMs?: number;
  readonly onTimeout?: () => Error;
}

/**
 * Runs a task until it completes, one of the signals fires, or the timeout expires, even if the task ignores the signal that it
 * receives. That signal is always aborted at the end, which closes the task's connections and files.
 *
 * @throws the reason of the signal that fired, or the error of `onTimeout`; else what the task throws.
 */
export async function runWithin<T>(bounds: TaskBounds, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeoutMs, onTimeout = () => new DOMException("The operation timed out", "TimeoutError") } = bounds;
  const signals = (bounds.signals ?? []).filter((signal) => signal !== undefined);
  for (const signal of signals) signal.throwIfAborted();
  const inner = new AbortController();
  const stopped = deferred<never>();
  const stop = (reason: unknown): void => {
    stopped.reject(reason); // first, so that no rejection of the aborted task comes before it
    inner.abort(reason);
  };
  const listeners = signals.map((signal) => ({ signal, listener: (): void => stop(signal.reason) }));
  for (const { signal, listener } of listeners) signal.addEventListener("abort", listener);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => stop(onTimeout()), Math.min(timeoutMs, MAX_TIMER_MS));
  try {
    return await Promise.race([task(inner.signal), stopped.promise]);
  } finally {
    clearTimeout(timer);
    for (const { signal, listener } of listeners) signal.removeEventListener("abort", listener);
    inner.abort();
  }
}
