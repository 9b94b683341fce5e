/**
 * A signal that aborts with a `TimeoutError` after a time, or with the first of the given signals.
 *
 * Node 20 may collect the timer of `AbortSignal.any([AbortSignal.timeout(ms)])`, which then never aborts: only the combined signal refers to it,
 * and it does so weakly. Here the timer refers to the signal. It does not keep the process alive.
 */
export function signalWithin(timeoutMs: number, ...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const timeout = new AbortController();
  const timer: { unref?(): unknown } = setTimeout(
    () => timeout.abort(new DOMException("The operation timed out", "TimeoutError")),
    timeoutMs,
  );
  timer.unref?.();
  return AbortSignal.any([timeout.signal, ...signals.filter((signal) => signal !== undefined)]);
}
