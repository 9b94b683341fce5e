/** Work that a server repeats while it runs. */
export interface PeriodicTask {
  readonly everyMs: number;
  readonly run: () => unknown;
}

/**
 * Repeats a task until the returned function is called. A run that takes longer than the interval delays the next one.
 *
 * @param onFailure called for a run that throws; the next one still takes place.
 */
export function repeat({ everyMs, run }: PeriodicTask, onFailure: (error: unknown) => void): () => void {
  let isRunning = false;
  const runOnce = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    try {
      await run();
    } catch (error) {
      onFailure(error);
    }
    isRunning = false;
  };
  const timer = setInterval(() => void runOnce(), everyMs).unref();
  return () => clearInterval(timer);
}
