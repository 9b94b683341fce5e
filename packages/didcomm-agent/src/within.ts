import { MAX_TIMER_MS } from "@parley/core/eager";

/** Waits for a promise, but no longer than the given time. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  if (ms >= MAX_TIMER_MS) {
    await promise;
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}
