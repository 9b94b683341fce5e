/**
 * Repeats a task until the returned function is called. A run that takes longer than the interval delays the next one.
 *
 * @param onFailure called for a run that throws; the next one still takes place.
 */
export function repeat(intervalMs: number, task: () => Promise<void>, onFailure: (error: unknown) => void): () => void {
  let isRunning = false;
  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    await task().catch(onFailure);
    isRunning = false;
  };
  const timer = setInterval(() => void run(), intervalMs).unref();
  return () => clearInterval(timer);
}
